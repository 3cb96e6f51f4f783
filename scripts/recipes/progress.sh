#!/bin/sh
# Shows how far a job of many workers is: xargs runs the work, eight at once, each that is done adds 1,
# and the one who waits sleeps until all are done instead of polling.
#
#     scripts/recipes/progress.sh [ITEMS]    [100]
#
# Ends with 0 and "100 of 100 done".
set -eu
. "$(dirname "$0")/program.sh"

items=${1:-100}
name=progress-$$
shmcount create "$name"
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The work: put your own command in the place of `true`.
# shellcheck disable=SC2016 # the inner shell is to expand it
seq "$items" | xargs -P 8 -n 1 sh -c 'true "$1" && shmcount add "$0" >/dev/null' "$name" &
workers=$!

# A line at each quarter. An item that fails is not counted, so do not wait for ever.
for quarter in 1 2 3 4; do
    done=$(shmcount wait "$name" --until ">= $((items * quarter / 4))" --timeout 60)
    echo "$done of $items done" >&2
done
wait "$workers"
echo "$(shmcount get "$name") of $items done"
