#!/bin/sh
# usage: deb.sh   build a Debian package with programs, manual and completions
#
# Needs cargo-deb: cargo install cargo-deb.
set -eu

if [ "$#" -ne 0 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
if ! cargo deb --version >/dev/null 2>&1; then
    echo 'skipped: there is no cargo-deb (cargo install cargo-deb)'
    exit 0
fi

cargo build --release --locked --bins
# Cargo.toml names target/assets, wherever the programs are built.
scripts/assets.sh "${CARGO_TARGET_DIR:-target}/release/shmcount" target/assets
cargo deb --locked --no-build
