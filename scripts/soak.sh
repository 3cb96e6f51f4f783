#!/bin/sh
# Runs the main job again and again: alone, then with eight coordinators at once. Each run must
# verify, and nothing of it may be left, in /dev/shm or among the processes.
#
#     scripts/soak.sh [RUNS]      runs in a row, and as many in all at once; 200 unless told
#
# The last line is "N passed, N failed"; ends with 0 when none failed.
set -eu

runs=${1:-200}
coordinators=8

release=$(dirname "$0")/../target/release
command -v shmcount >/dev/null || PATH=$release:$PATH
command -v shmcount >/dev/null || {
    echo "soak.sh: no shmcount here: run 'cargo build --release', or put it into PATH" >&2
    exit 127
}

# Results of the coordinators: a line a run.
results=$(mktemp)
trap 'rm -f "$results"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs the main job once, under a name of its own, and says what is wrong.
main_job() {
    name=soak-$$-$1
    if ! said=$(shmcount run --procs 5 --adds 100 --name "$name" 2>&1); then
        echo "failed: run $1: $said"
    elif ! echo "$said" | grep -qx 'counted   500'; then
        echo "failed: run $1: no 500 in: $said"
    elif [ -e "/dev/shm/shmcount.$name" ]; then
        echo "failed: run $1 left its segment"
    else
        echo passed
    fi
}

# Runs it as often as told, one after the other.
in_a_row() {
    row=$1 left=$2
    while [ "$left" -gt 0 ]; do
        main_job "$row-$left" >>"$results"
        left=$((left - 1))
    done
}

echo "$runs runs in a row"
in_a_row alone "$runs"

each=$(((runs + coordinators - 1) / coordinators))
echo "$coordinators coordinators at once, $each runs each"
pids=
i=0
while [ "$i" -lt "$coordinators" ]; do
    in_a_row "$i" "$each" &
    pids="$pids $!"
    i=$((i + 1))
done
for pid in $pids; do
    wait "$pid"
done

# Workers end with their coordinator; one that is left would be the child of another process.
for status in /proc/[0-9]*/cmdline; do
    if tr '\0' ' ' 2>/dev/null <"$status" | grep -q "soak-$$-"; then
        echo "failed: left running: $status" >>"$results"
    fi
done

grep '^failed' "$results" || true
passed=$(grep -c '^passed$' "$results" || true)
failed=$(grep -c '^failed' "$results" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -eq $((runs + each * coordinators)) ]
