#!/bin/sh
# usage: model.sh [small|large]   check the lock's protocol and its code; small takes a minute once built, large much longer
set -eu
cd "$(dirname "$0")/.."

case "${1:-small}" in
    small) only= ;;
    large) only=--include-ignored ;;
    *)
        sed -n '2s/^# //p' "$0" >&2
        exit 2
        ;;
esac

log=$(mktemp)
trap 'rm -f "$log" "$log.code"' EXIT
status=0
echo "== protocol: every state, with kills and store buffers"
# shellcheck disable=SC2086 # no argument at all when it is empty
cargo test --quiet --test model -- $only --nocapture >"$log" 2>&1 || status=$?
cat "$log"
echo "== code: every order up to some preemptions, with C11's memory"
# A target directory of its own: other flags would build everything anew, twice.
RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom" MODEL_BOUNDS="${1:-small}" \
    RUST_BACKTRACE=0 cargo test --quiet --release --no-default-features --test loom -- --nocapture \
    >"$log.code" 2>&1 || status=$?
cat "$log.code"
cat "$log.code" >>"$log"
sed -n 's/^test result:.* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$log" |
    awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed }'
exit "$status"
