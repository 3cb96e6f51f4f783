#!/bin/sh
# Usage: scripts/fuzz.sh SECONDS [JOBS]   Fuzz header and directory of a segment, 1 to 86400 seconds [JOBS: 1 to 64, default 1].
#
# Starts from fuzz/corpus and adds what is new to a scratch directory; a crash is kept in
# fuzz/artifacts. Needs a nightly toolchain, and installs cargo-fuzz into target/ if it is missing.
set -u
usage() { sed -n 's/^# Usage: /usage: /p' "$0"; }
case "${1-}" in -h | --help) usage; exit 0 ;; esac
number() { case "$1" in '' | *[!0-9]*) return 1 ;; esac; [ ${#1} -le 5 ] && [ "$1" -ge 1 ] && [ "$1" -le "$2" ]; }
if [ $# -lt 1 ] || [ $# -gt 2 ] || ! number "$1" 86400 || ! number "${2-1}" 64; then
    usage >&2
    exit 2
fi
seconds=$1 jobs=${2-1}
cd "$(dirname "$0")/.." || exit 1

skip() { echo "skipped: $1"; echo "0 passed, 0 failed"; exit 0; }
cargo +nightly --version >/dev/null 2>&1 || skip "no nightly toolchain: rustup toolchain install nightly"
tools=$PWD/target/tools
PATH=$tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --quiet cargo-fuzz --root "$tools" \
    || skip "cargo-fuzz cannot be installed"

started=
work=$(mktemp -d) || exit 1
# A fuzzer leaves its segment, whose name has its process id.
clean() {
    for pid in $started; do
        kill "$pid" 2>/dev/null
        rm -f "/dev/shm/shmcount.fuzz-$pid"
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# -O: as users build it, without overflow checks, which the tests have.
cargo +nightly fuzz build -O segment || { echo "0 passed, 1 failed"; exit 1; }
target=$(rustc -vV | sed -n 's/^host: //p')
passed=0 failed=0
mkdir -p "$work/found" fuzz/artifacts/segment
for job in $(seq "$jobs"); do
    "fuzz/target/$target/release/segment" "$work/found" fuzz/corpus/segment \
        -artifact_prefix=fuzz/artifacts/segment/ -max_total_time="$seconds" -max_len=8193 \
        -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 >"$work/$job.log" 2>&1 &
    started="$started $!"
done
for pid in $started; do
    if wait "$pid"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
for job in $(seq "$jobs"); do
    grep -E 'stat::number_of_executed_units|stat::new_units_added|SUMMARY|panicked' "$work/$job.log"
    if [ "$failed" -gt 0 ]; then tail -n 40 "$work/$job.log" >&2; fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
