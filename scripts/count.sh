#!/bin/sh
# Counts with several processes of a script, in both ways there are, and checks the total:
# shmcount-worker adds many times by itself, and a loop of `shmcount add` adds once a program.
#
#     scripts/count.sh
#
# Ends with 0 and "counted 460, expected 460" when nothing was lost.
set -eu

# The programs: those in PATH, or else those of a release build beside this script.
release=$(dirname "$0")/../target/release
command -v shmcount >/dev/null && command -v shmcount-worker >/dev/null || PATH=$release:$PATH
command -v shmcount-worker >/dev/null || {
    echo "count.sh: no shmcount here: run 'cargo build --release', or put it into PATH" >&2
    exit 127
}

workers=4 adds=100
loops=3 turns=20
expected=$((workers * adds + loops * turns))

name=count-$$
shmcount create "$name"
# Removed on every way out; a signal goes through exit, too.
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

pids=
i=0
while [ "$i" -lt "$workers" ]; do
    shmcount-worker --name "$name" --adds "$adds" >/dev/null &
    pids="$pids $!"
    i=$((i + 1))
done

add_in_turn() {
    turn=0
    while [ "$turn" -lt "$turns" ]; do
        shmcount add "$name" >/dev/null || return
        turn=$((turn + 1))
    done
}
i=0
while [ "$i" -lt "$loops" ]; do
    add_in_turn &
    pids="$pids $!"
    i=$((i + 1))
done

# One by one: wait without a process forgets how they ended.
for pid in $pids; do
    wait "$pid"
done

counted=$(shmcount get "$name")
echo "counted $counted, expected $expected"
[ "$counted" -eq "$expected" ]
