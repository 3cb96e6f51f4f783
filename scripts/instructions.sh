#!/usr/bin/env bash
# Count the instructions of adds, guards and loads: scripts/instructions.sh [--write]
#
# Counts do not depend on the machine's mood, so a change can be held to them: fails when one has
# grown by more than 5 % over benches/instructions.txt. --write puts the new ones there; say in
# CHANGELOG.md why they grew. Needs valgrind, which it installs with apt if it may, and a kernel with the
# plain release; what ends in -exchange is released by exchange.
set -euo pipefail

if [[ $# -gt 1 || ( $# -eq 1 && $1 != --write ) ]]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
committed=benches/instructions.txt
limit=105

if ! command -v valgrind >/dev/null; then
    if [[ $(id -u) -ne 0 ]] || ! apt-get install -y -qq valgrind >/dev/null 2>&1; then
        echo "skipped: there is no valgrind, and it cannot be installed (Debian: apt install valgrind)"
        exit 0
    fi
fi

program=$(cargo build --release --quiet --bench instructions --message-format=json |
    sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p')

plain=instructions-$$
exchange=$plain-exchange
trap '"$program" remove "$plain" 2>/dev/null; "$program" remove "$exchange" 2>/dev/null; true' EXIT
if ! "$program" make "$plain" 2>/dev/null; then
    echo "skipped: this kernel has no plain release, which the committed counts are of"
    exit $#
fi
"$program" make "$exchange" exchange

# Instructions of the whole program, as callgrind sums them up.
collected() {
    timeout 300 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
        sed -n 's/.*Collected : //p'
}
# Of one: what 10,000 more take, without start and end.
each() {
    local few many what=${1%-exchange} segment=$plain
    [[ $what = "$1" ]] || segment=$exchange
    few=$(collected "$what" 1000 "$segment")
    many=$(collected "$what" 11000 "$segment")
    echo $(((many - few + 5000) / 10000))
}

failed=0
found=
printf '%-21s %9s %9s\n' what committed found
for what in add guard counter-add writer-add load load-large update-large \
    add-exchange guard-exchange update-large-exchange; do
    now=$(each "$what")
    before=$(sed -n "s/^$what //p" "$committed" 2>/dev/null || true)
    note=
    if [[ -n $before && $((now * 100)) -gt $((before * limit)) ]]; then
        note="  grew by more than 5 %"
        failed=1
    fi
    printf '%-21s %9s %9s%s\n' "$what" "${before:--}" "$now" "$note"
    found+="$what $now"$'\n'
done

if [[ $# -eq 1 ]]; then
    printf '# Instructions of one, made by scripts/instructions.sh --write with %s\n%s' \
        "$(rustc --version)" "$found" >"$committed"
elif [[ $failed -ne 0 ]]; then
    echo "error: more instructions than $committed allows" >&2
    echo "  help: if it is worth them, run scripts/instructions.sh --write and say why in CHANGELOG.md" >&2
    exit 1
fi
