#!/bin/sh
# N at once: many downloads are started, and a semaphore lets no more than N of them run. The permit of one
# that is killed comes back.
#
#     scripts/recipes/downloads.sh [DOWNLOADS] [N]    [12 3]
#
# Ends with 0 and "12 downloaded, never more than 3 at once".
set -eu
. "$(dirname "$0")/program.sh"

downloads=${1:-12} most=${2:-3}
name=downloads-$$
shmcount create "$name/running"
shmcount create "$name/peak"
shmcount create "$name/done"
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In the place of `curl -fsSO "$url"`: counts how many run beside it.
# shellcheck disable=SC2016 # the inner shell is to expand it
download='
    running=$(shmcount add "$0/running")
    peak=$(shmcount get "$0/peak")
    while [ "$running" -gt "$peak" ] && ! peak=$(shmcount cas "$0/peak" "$peak" "$running"); do :; done
    shmcount add "$0/done" >/dev/null
    shmcount add "$0/running" -1 >/dev/null'

pids=
started=0
while [ "$started" -lt "$downloads" ]; do
    shmcount sem "$name/slots" --permits "$most" sh -c "$download" "$name" &
    pids="$pids $!"
    started=$((started + 1))
done
for pid in $pids; do
    wait "$pid"
done

peak=$(shmcount get "$name/peak")
echo "$(shmcount get "$name/done") downloaded, never more than $peak at once"
[ "$(shmcount get "$name/done")" -eq "$downloads" ] && [ "$peak" -le "$most" ]
