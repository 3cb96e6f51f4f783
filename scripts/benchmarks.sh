#!/usr/bin/env bash
# Make docs/BENCHMARKS.md from one run on this machine: scripts/benchmarks.sh [ROUNDS, 1 to 99, default 7] [TIME, default 1s]
#
# Takes some minutes with the defaults, on a machine that has nothing else to do. Needs what
# scripts/bench-peers.sh needs. BENCHMARKS_FILE is where to write instead, with the picture beside it.
set -euo pipefail

rounds=${1:-7}
time=${2:-1s}
if [[ $# -gt 2 || ! $rounds =~ ^[1-9][0-9]?$ || ! $time =~ ^[0-9.]+(ms|s)$ ]]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
shmcount=${CARGO_TARGET_DIR:-target}/release/shmcount
file=${BENCHMARKS_FILE:-docs/BENCHMARKS.md}
plot=$(dirname "$file")/benchmark.svg
mkdir -p "$(dirname "$file")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cargo build --release --quiet --bin shmcount
load=$(cut -d ' ' -f 1 /proc/loadavg)
add_options=(--rounds "$rounds" --time "$time")
"$shmcount" bench "${add_options[@]}" --plot "$work/benchmark.svg" >"$work/adds"
"$shmcount" bench "${add_options[@]}" --contenders robust,robust-guard --release exchange >"$work/exchange"
works=(100 500 2000)
for ns in "${works[@]}"; do
    "$shmcount" bench "${add_options[@]}" --procs 2,4 --work "$ns" \
        --contenders robust,futex,pthread,pthread-robust,atomic >"$work/work-$ns"
done
"$shmcount" bench --kill --rounds "$rounds" >"$work/kills"
scripts/bench-peers.sh "$rounds" >"$work/peers"

# What follows the four lines about machine and plan.
figures() { sed '1,/^$/d' "$1"; }
# shellcheck disable=SC2016 # nothing to expand
block() { printf '```\n%s\n```\n' "$1"; }
{
    cat <<TEXT
# Benchmarks

Made by \`scripts/benchmarks.sh $rounds $time\` in one go on one machine, and not edited:

$(block "$(head -n 2 "$work/adds")
memory    $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
load      $load before the start
date      $(date -u '+%Y-%m-%d %H:%M UTC')
program   shmcount $("$shmcount" --version | cut -d ' ' -f 2), $(rustc --version)")

Ratios say more than nanoseconds, which are this machine's. All contenders of a table took turns in
one run, each process stayed on one processor, every total was checked, and figures are medians
of so many rounds: $rounds.

## An add

![Nanoseconds an add over the number of processes, for each contender]($(basename "$plot"))

\`shmcount bench ${add_options[*]} --plot benchmark.svg\`: forked processes add to one number, with
nothing in between. \`robust\` is this project's lock with the built-in add, \`robust-guard\` the same lock
held by a guard; \`atomic\` is one \`lock xadd\`; \`none\` reads and writes without a lock, and is wrong on
purpose. The other locks have their number on their own cache line, as ours has. The time is that of a
round by the adds of all its processes; *CPU ns* is the processor time of all processes by their
adds; *shares* are the smallest and the largest part of the adds that a process came to in any round.

$(block "$(figures "$work/adds")")

Released by exchange, as on kernels before Linux 5.16 (\`--release exchange\`):

$(block "$(figures "$work/exchange")")

## A holder that is killed

\`shmcount bench --kill --rounds $rounds\`: from SIGKILL of the process that holds the lock until one that
sleeps for it is inside. What hangs was given a second.

$(block "$(figures "$work/kills" | sed 1d)")

## Peers outside the program

$(cat "$work/peers")

## What the figures do not say

- **Work outside the lock shrinks the lead.** With nothing between two adds, a process that has the
  lock keeps it for many adds, and the cache line stays where it is. A program that does something
  else meanwhile pays the way of that line each time, as with any lock. The same adds with that many
  nanoseconds of work after each, which are in the figures (\`--work\`):

TEXT
    for ns in "${works[@]}"; do
        printf '  %s ns of work\n\n' "$ns"
        block "$(figures "$work/work-$ns")" | sed 's/^/  /'
        echo
    done
    cat <<TEXT
- **Who sleeps pays.** The plain release is cheap because whoever is about to sleep makes every
  processor that runs a process of ours pass a barrier (\`membarrier\`): up to some 26 µs for the
  sleeper on a busy machine of two processors, and an interruption for those. Locks that are held
  for long, and so slept for, should rather be released by exchange.
- **Order costs.** Only \`fifo\` is handed over in the order of asking. That means a switch of processes for every
  add once processes outnumber processors, which is slower by two or three orders of magnitude whoever makes the
  lock.
- **More processors than these** were not measured. With more of them, more processes fight for one
  cache line at once, and between sockets its way is longer.
- **A virtual machine** may be given less processor time than it sees; the range from smallest to
  largest tells how quiet it was.
TEXT
} >"$work/text"
cp "$work/benchmark.svg" "$plot"
cp "$work/text" "$file"
echo "wrote $file and $plot" >&2
