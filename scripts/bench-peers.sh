#!/usr/bin/env bash
# Compare shmcount with its peers: scripts/bench-peers.sh [ROUNDS, 1 to 99, default 7]
#
# Each table is one run in which all commands take turns; figures are medians of ROUNDS, and every
# total is checked. Needs cargo and rustc. Takes what else it finds: python3, g++ with the headers of
# Boost (Debian: libboost-dev), flock(1), redis-server and redis-cli (Debian: redis), and from the
# package registry the crates of benches/peers/rust. What is missing is skipped, and it says why.
# The redis-server it starts listens on loopback only and ends with the script.
set -euo pipefail

rounds=${1:-7}
if [[ $# -gt 1 || ! $rounds =~ ^[1-9][0-9]?$ ]]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
bin=$target/peers
mkdir -p "$bin"
work=$(mktemp -d)
redis=
segment=bench-peers-$$

end_redis() {
    [[ -z $redis ]] || { kill "$redis" && wait "$redis"; } 2>/dev/null || true
    redis=
}
clean_up() {
    end_redis
    [[ ! -e /dev/shm/shmcount.$segment ]] || "$target/release/shmcount" rm "$segment" || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skipped=()
skip() { skipped+=("skipped: $1: $2"); }
say_skipped() {
    [[ ${#skipped[@]} -eq 0 ]] || printf '%s\n' '' "${skipped[@]}"
    skipped=()
}
# One command may take a minute, on the slowest machine that somebody has patience with.
stopwatch() { timeout "$((rounds * 60 + 60))" "$bin/stopwatch" "$rounds" "$@"; }
has() { command -v "$1" >/dev/null; }

echo "building" >&2
cargo build --release --quiet --bin shmcount
rustc -O --edition 2021 -o "$bin/stopwatch" benches/peers/stopwatch.rs
build_crate() {
    cargo build --release --quiet --locked --target-dir "$bin" \
        --manifest-path benches/peers/rust/Cargo.toml "$@" 2>"$work/build"
}
build_crate --bin shmcount-peer --bin shmcount-queue --bin shmcount-toolkit || { cat "$work/build" >&2; exit 1; }

# The peers that take PROCS ADDS: a name, and a command without the two.
peers=("shmcount, built-in add" "$bin/release/shmcount-peer add"
    "shmcount, guard" "$bin/release/shmcount-peer guard")
if build_crate --features process-sync --bin process-sync; then
    peers+=("process-sync" "$bin/release/process-sync")
else
    skip process-sync "$(tail -n 1 "$work/build")"
fi
if build_crate --features iceoryx2 --bin iceoryx2; then
    peers+=("iceoryx2 mutex" "$bin/release/iceoryx2 plain"
        "iceoryx2 robust mutex" "$bin/release/iceoryx2 robust")
else
    skip iceoryx2 "$(tail -n 1 "$work/build")"
fi
if ! has g++; then
    skip Boost.Interprocess "there is no g++"
elif g++ -O2 -std=c++17 -o "$bin/boost" benches/peers/boost.cpp -pthread 2>"$work/build"; then
    peers+=("Boost.Interprocess" "$bin/boost")
else
    skip Boost.Interprocess "it does not compile: $(head -n 1 "$work/build")"
fi
slow_peers=()
# The interpreter itself, and not a version manager's script in front of it.
python=$(python3 -c 'import multiprocessing, sys; print(sys.executable)' 2>/dev/null || true)
if [[ -n $python ]]; then
    slow_peers+=("Python Value with its own lock" "$python benches/peers/python/adds.py value"
        "Python Lock and raw Value" "$python benches/peers/python/adds.py lock")
else
    skip Python "there is no python3 with multiprocessing"
fi

# Adds of all processes together: some tenths of a second at least for each.
fast_adds=4000000
slow_adds=16000
echo "### Locked adds to one number, from forked processes, each on one processor"
for procs in 1 2 4 8; do
    echo "adds, processes: $procs" >&2
    commands=()
    add_commands() {
        local adds=$1
        shift
        while [[ $# -gt 0 ]]; do
            [[ ${#commands[@]} -eq 0 ]] || commands+=("::")
            # shellcheck disable=SC2206 # a command in words
            commands+=("$1" $2 "$procs" "$((adds / procs))")
            shift 2
        done
    }
    add_commands "$fast_adds" "${peers[@]}"
    add_commands "$slow_adds" "${slow_peers[@]}"
    printf '\nProcesses: %s\n\n' "$procs"
    stopwatch 1 "ns an add" "${commands[@]}"
done
say_skipped

echo "queues" >&2
fast_items=2000000
slow_items=16000
echo
echo "### Items through one queue, from forked producers to as many consumers, each on one processor"
for pairs in 1 4; do
    commands=()
    for kind in queue batch bytes; do
        [[ ${#commands[@]} -eq 0 ]] || commands+=("::")
        commands+=("shmcount, $kind" "$bin/release/shmcount-queue" "$kind" "$pairs" "$((fast_items / pairs))")
    done
    if [[ -n $python ]]; then
        for kind in queue simple; do
            commands+=(:: "Python, $kind" "$python" benches/peers/python/queue_items.py "$kind" "$pairs" \
                "$((slow_items / pairs))")
        done
    else
        skip Python "there is no python3 with multiprocessing"
    fi
    printf '\nProducers, and consumers: %s\n\n' "$pairs"
    stopwatch 1 "ns an item" "${commands[@]}"
done
say_skipped

echo
echo "### The other objects, from forked processes, each on one processor"
for procs in 1 2 4; do
    echo "objects, processes: $procs" >&2
    printf '\nProcesses: %s\n' "$procs"
    # Ours, how often, Python's, how often.
    while read -r object often peer seldom; do
        commands=("shmcount, $object" "$bin/release/shmcount-toolkit" "$object" "$procs" "$((often / procs))")
        if [[ -n $peer && -n $python ]]; then
            commands+=(:: "Python, $peer" "$python" benches/peers/python/toolkit.py "$peer" "$procs" \
                "$((seldom / procs))")
        elif [[ -n $peer ]]; then
            skip Python "there is no python3 with multiprocessing"
        else
            commands+=(:: "an add to memory of its own" "$bin/release/shmcount-toolkit" memory "$procs" \
                "$((often / procs))")
        fi
        echo
        stopwatch 1 "ns each" "${commands[@]}"
    done <<<'array 4000000 array 40000
guard 4000000 array 40000
map 2000000 dict 4000
semaphore 4000000 semaphore 100000
counter 40000000
writer 100000000'
done
say_skipped

echo "commands" >&2
printf '\n### Commands, from their start to their end\n\n'
"$target/release/shmcount" create "$segment"
commands=("shmcount add" "$target/release/shmcount" add "$segment" :: "true" /bin/true)
if has flock; then
    : >"$work/lock"
    commands+=(:: "flock -x FILE true" flock -x "$work/lock" /bin/true)
else
    skip flock "there is no flock(1)"
fi
start_redis() {
    local port
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" \
            --daemonize no >"$work/redis.log" 2>&1 &
        redis=$!
        for _ in {1..50}; do
            [[ $(redis-cli -p "$port" config get dir 2>/dev/null | tail -n 1) != "$work" ]] || {
                commands+=(:: "redis-cli INCR" redis-cli -p "$port" incr visits)
                return 0
            }
            kill -0 "$redis" 2>/dev/null || break
            sleep 0.1
        done
        end_redis
    done
    return 1
}
if ! has redis-server || ! has redis-cli; then
    skip Redis "there is no redis-server or no redis-cli"
elif ! start_redis; then
    skip Redis "redis-server does not start: $(tail -n 1 "$work/redis.log")"
fi
stopwatch 100 us "${commands[@]}"
"$target/release/shmcount" rm "$segment"
say_skipped

echo "whole programs" >&2
printf '\n### A whole program: 5 processes, 100 adds each, total verified\n'
for method in fork spawn; do
    printf '\nStarted by %s\n\n' "$method"
    commands=("shmcount run" "$target/release/shmcount" run --procs 5 --adds 100 --start "$method")
    if [[ -n $python ]]; then
        commands+=(:: "Python multiprocessing" "$python" benches/peers/python/program.py "$method" 5 100)
    else
        skip Python "there is no python3 with multiprocessing"
    fi
    stopwatch 3 ms "${commands[@]}"
done
say_skipped
