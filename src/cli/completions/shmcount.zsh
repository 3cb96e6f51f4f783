
_shmcount_names() {
    local -a names
    names=(${(f)"$(shmcount ls --names 2>/dev/null)"})
    compadd -a names
}

_shmcount_segments() {
    local -a names
    names=(${(f)"$(shmcount ls --names 2>/dev/null)"})
    names=(${names:#*/*})
    compadd -a names
}
