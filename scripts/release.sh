#!/bin/sh
# usage: release.sh [DIRECTORY]   build both programs statically, and pack them with manual and completions [default: target/package]
#
# Static programs start faster, because nothing is left to be linked: `shmcount add` takes about what
# `/bin/true` takes. Needs glibc's static library (Debian: in libc6-dev; Fedora: glibc-static).
set -eu

if [ "$#" -gt 1 ] || [ "${1:-}" = --help ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=shmcount-$version-$target
package=${1:-target/package}
build=${CARGO_TARGET_DIR:-target}/static

# With --target, so that the flag does not reach the build's own programs, which cannot be static.
RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --bins \
    --target "$target" --target-dir "$build"

mkdir -p "$package/$name"
cp "$build/$target/release/shmcount" "$build/$target/release/shmcount-worker" \
    README.md LICENSE-MIT LICENSE-APACHE docs/SHELL.md "$package/$name"
scripts/assets.sh "$build/$target/release/shmcount" "$package/$name"
tar -C "$package" -czf "$package/$name.tar.gz" "$name"
echo "$package/$name.tar.gz"
