#!/bin/sh
# Phases: several workers in the background, none of which begins a phase before all have done the one before.
# A worker that is killed at the barrier breaks it for the others at once; one that is killed at work is
# noticed by their timeout.
#
#     scripts/recipes/phases.sh [WORKERS] [PHASES]    [4 3]
#
# Ends with 0 and "4 workers went through 3 phases together".
set -eu
. "$(dirname "$0")/program.sh"

workers=${1:-4} phases=${2:-3}
name=phases-$$
shmcount create "$name/phase" barrier --parties "$workers"
shmcount create "$name/done"
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

work() {
    phase=1
    while [ "$phase" -le "$phases" ]; do
        # The work of the phase comes here.
        shmcount add "$name/done" >/dev/null
        leader=$(shmcount barrier "$name/phase" --timeout 60 --leader)
        # All have done it now, and some may be at the next one.
        [ "$(shmcount get "$name/done")" -ge $((workers * phase)) ]
        # What one is to do, once a phase, comes here.
        [ -z "$leader" ] || echo "phase $phase is over"
        phase=$((phase + 1))
    done
}

pids=
worker=0
while [ "$worker" -lt "$workers" ]; do
    work &
    pids="$pids $!"
    worker=$((worker + 1))
done
for pid in $pids; do
    wait "$pid"
done
[ "$(shmcount get "$name/done")" -eq $((workers * phases)) ]
echo "$workers workers went through $phases phases together"
