#!/bin/sh
# Of many workers that start at once, one does what must be done once, and the others wait for it: `cas`
# chooses the leader, `wait` sleeps until it is ready.
#
#     scripts/recipes/leader.sh [WORKERS]    [5]
#
# Ends with 0 and "1 leader, 5 workers ready".
set -eu
. "$(dirname "$0")/program.sh"

workers=${1:-5}
name=leader-$$
shmcount create "$name/leader"
shmcount create "$name/ready"
shmcount create "$name/done"
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

work() {
    if shmcount cas "$name/leader" 0 "$1" >/dev/null; then
        # The work that is done once comes here.
        shmcount add "$name/ready" >/dev/null
    fi
    shmcount wait "$name/ready" --until '== 1' --timeout 60 >/dev/null
    shmcount add "$name/done" >/dev/null
}

pids=
worker=1
while [ "$worker" -le "$workers" ]; do
    work "$worker" &
    pids="$pids $!"
    worker=$((worker + 1))
done
for pid in $pids; do
    wait "$pid"
done
[ "$(shmcount get "$name/done")" -eq "$workers" ]
echo "$(shmcount get "$name/ready") leader, $workers workers ready"
