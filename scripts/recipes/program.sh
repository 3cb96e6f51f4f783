# shellcheck shell=sh
# Read by the recipes: finds the program in PATH, or else in a release build of this repository.
command -v shmcount >/dev/null || PATH=$(cd "$(dirname "$0")/../../target/release" 2>/dev/null && pwd):$PATH
command -v shmcount >/dev/null || {
    echo "$(basename "$0"): no shmcount here: run 'cargo build --release', or put it into PATH" >&2
    exit 127
}
