
# What takes the place of arguments: names, actions, commands. The above knows of options.
_shmcount_words() {
    _shmcount "$@"
    [[ $COMP_CWORD -ge 2 ]] || return 0
    local verb=${COMP_WORDS[1]} place=0 valued='' word words='' is_value='' is_over=''
    local -a whole
    _shmcount_whole
    local typed=${whole[-1]}
    case $verb in
        #VALUED
    esac
    for word in "${whole[@]:2:${#whole[@]}-3}"; do
        if [[ -n $is_value ]]; then
            is_value=''
            continue
        fi
        case $word in
            --)
                is_over=1
                case $verb:-- in
                    #COMMANDS) place=-- ;;
                esac
                ;;
            -*) [[ -n $is_over || " $valued " != *" $word "* ]] || is_value=1 ;;
            *)
                case $verb:$place in
                    #REPEATED) ;;
                    # The command has begun, and what follows is its own: files.
                    #COMMANDS) COMPREPLY=() && return 0 ;;
                    *) place=$((place + 1)) ;;
                esac
                ;;
        esac
    done
    [[ -z $is_value ]] || return 0
    [[ -n $is_over || $typed != -*=* ]] || { COMPREPLY=() && return 0; }
    [[ -n $is_over || $typed != -* ]] || return 0
    COMPREPLY=()
    case $verb:$place in
        #VALUES
    esac
    # Words for which there is nothing to be quoted.
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$typed")
    case $verb:$place in
        #NAMES) _shmcount_names "$typed" ;;
        #SEGMENTS) _shmcount_names "$typed" / ;;
        #COMMANDS) mapfile -t COMPREPLY < <(compgen -c -- "$typed") ;;
    esac
    # What is offered takes the place of what is behind the last break.
    local breaks=${COMP_WORDBREAKS//[!:=]} kept=''
    [[ -z $breaks || $typed != *["$breaks"]* ]] || kept=${typed%"${typed##*["$breaks"]}"}
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
}

# Puts together what bash broke in the middle, at = and : for example: no blank is between the parts.
_shmcount_whole() {
    local line=$COMP_LINE rest part
    for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        rest=${line#"${line%%[![:space:]]*}"}
        if [[ ${#whole[@]} -gt 0 && $rest == "$line" && $line == "$part"* ]]; then
            whole[-1]+=$part
        else
            whole+=("$part")
        fi
        line=${rest#"$part"}
    done
}

# Offers the names that begin as what was typed, quoted, and none with this sign in it.
_shmcount_names() {
    local name quoted
    while IFS= read -r name; do
        printf -v quoted %q "$name"
        [[ -z $2 || $name != *"$2"* ]] || continue
        [[ $name != "$1"* && $quoted != "$1"* ]] || COMPREPLY+=("$quoted")
    done < <("${COMP_WORDS[0]}" ls --names 2>/dev/null)
}

complete -F _shmcount_words -o nosort -o bashdefault -o default shmcount
