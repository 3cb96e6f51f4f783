#!/bin/sh
# usage: assets.sh PROGRAM DIRECTORY   have a built shmcount write its manual pages and completions
#
# They go to DIRECTORY/man1 and DIRECTORY/completions, as release.sh and `cargo deb` pack them.
set -eu

if [ "$#" -ne 2 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
program=$1 directory=$2

mkdir -p "$directory/completions"
# No page stays of a verb that is gone.
rm -f "$directory"/man1/shmcount*.1 "$directory"/man1/shmcount*.1.gz
"$program" man --dir "$directory/man1"
gzip -9nf "$directory"/man1/*.1
"$program" completions bash >"$directory/completions/shmcount.bash"
"$program" completions zsh >"$directory/completions/_shmcount"
"$program" completions fish >"$directory/completions/shmcount.fish"
