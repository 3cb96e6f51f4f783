#!/bin/sh
# Map and reduce: one pushes the work into a queue, several pop it, and what each finds is added up in a map
# that all share. Closing the queue ends the workers.
#
#     scripts/recipes/map-reduce.sh [WORKERS]    [4]
#
# Counts words by their first letter; ends with 0 and "23 words counted, 23 expected; 2 begin with q".
set -eu
. "$(dirname "$0")/program.sh"

workers=${1:-4}
name=map-reduce-$$
shmcount create "$name/lines" queue
shmcount create "$name/words"
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

text='the quick brown fox jumps over the lazy dog
pack my box with five dozen liquor jugs
how vexingly quick daft zebras jump'

map() {
    while line=$(shmcount pop "$name/lines"); do
        for word in $line; do
            first=$(printf %.1s "$word")
            shmcount add "$name/letters[$first]" --create >/dev/null
            shmcount add "$name/words" >/dev/null
        done
    done
}

pids=
worker=0
while [ "$worker" -lt "$workers" ]; do
    map &
    pids="$pids $!"
    worker=$((worker + 1))
done

echo "$text" | shmcount push "$name/lines"
shmcount close "$name/lines"
for pid in $pids; do
    wait "$pid"
done

expected=$(echo "$text" | wc -w)
counted=$(shmcount get "$name/words")
echo "$counted words counted, $((expected)) expected; $(shmcount get "$name/letters[q]") begin with q"
[ "$counted" -eq "$expected" ]
