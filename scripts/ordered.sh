#!/bin/sh
# Usage: scripts/ordered.sh MINUTES   Look for an alarm where there is no circle, 1 to 1440 minutes.
#
# Processes take locks in order, wait for longer than a look takes to come, let go just before they wait
# for something else, and are killed; none may ever be told that it waits in a circle.
set -u
usage() { sed -n 's/^# Usage: /usage: /p' "$0"; }
case "${1-}" in -h | --help) usage; exit 0 ;; esac
case "${1-}" in '' | *[!0-9]* | ?????*) usage >&2; exit 2 ;; esac
if [ $# -ne 1 ] || [ "$1" -lt 1 ] || [ "$1" -gt 1440 ]; then
    usage >&2
    exit 2
fi
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0
# A minute at a time: a test that takes two is taken for one that hangs.
while [ $((passed + failed)) -lt "$1" ]; do
    if SHMCOUNT_ORDERED_SECONDS=58 cargo test --quiet --test toolkit no_circles::; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
