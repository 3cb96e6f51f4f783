#!/bin/sh
# Kill KILLS random processes (1 to 10000000) at work on one segment, for each kind of release.
set -u

usage='usage: scripts/storm.sh KILLS [SEED]   kill KILLS (1 to 10000000) random processes at work on one segment, for each kind of release; about 1.5 ms a kill'

case "${1-}" in
    -h | --help)
        echo "$usage"
        exit 0
        ;;
    '' | 0* | *[!0-9]*)
        echo "$usage" >&2
        exit 2
        ;;
esac
if [ "${#1}" -gt 8 ] || [ "$1" -gt 10000000 ]; then
    echo "$usage" >&2
    exit 2
fi
export SHMCOUNT_STORM_KILLS="$1"
case "${2-}" in
    '') ;;
    *[!0-9]*)
        echo "$usage" >&2
        exit 2
        ;;
    *) export SHMCOUNT_STORM_SEED="$2" ;;
esac

cd "$(dirname "$0")/.." || exit 2
output=$(cargo test --quiet --test crash -- a_storm 2>&1)
status=$?
printf '%s\n' "$output"
counts=$(printf '%s\n' "$output" |
    sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 passed, \2 failed/p')
echo "${counts:-0 passed, 1 failed}"
exit "$status"
