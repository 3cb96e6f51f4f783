# shellcheck shell=sh
# Read by the recipes: finds the program in PATH, or else in a release build of this repository.
if ! command -v shmcount >/dev/null; then
    # Without a build, no empty entry: that would be the working directory.
    if built=$(cd "$(dirname "$0")/../../target/release" 2>/dev/null && pwd); then
        PATH=$built:$PATH
    fi
fi
command -v shmcount >/dev/null || {
    echo "$(basename "$0"): no shmcount here: run 'cargo build --release', or put it into PATH" >&2
    exit 127
}
