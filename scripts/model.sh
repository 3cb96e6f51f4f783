#!/bin/sh
# usage: model.sh [small|large]   check the lock's protocol exhaustively; small takes seconds, large ten minutes
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
trap 'rm -f "$log"' EXIT
status=0
# shellcheck disable=SC2086 # no argument at all when it is empty
cargo test --quiet --test model -- $only --nocapture >"$log" 2>&1 || status=$?
cat "$log"
sed -n 's/^test result:.* \([0-9]* passed\); \([0-9]* failed\);.*/\1, \2/p' "$log"
exit "$status"
