
# What takes the place of arguments: names, actions, commands. The above knows of options.

# Prints the place of the cursor's word, as VERB:NUMBER, or VERB:-- behind that, and the words of a
# command before it.
function __shmcount_place
    set -l words (commandline -opc)
    set -l verb $words[2]
    set -e words[1..2]
    set -l valued
    switch "$verb"
        #VALUED
    end
    set -l place 0
    set -l is_value no
    set -l is_over no
    while set -q words[1]
        if test $is_value = yes
            set is_value no
        else if test $is_over = no; and string match -q -- -- $words[1]
            set is_over yes
            contains -- $verb:-- #COMMANDS
            and set place --
        else if test $is_over = no; and string match -q -- '-*' $words[1]
            contains -- $words[1] $valued
            and set is_value yes
        else if contains -- $verb:$place #COMMANDS
            break
        else if not contains -- $verb:$place #REPEATED
            set place (math $place + 1)
        end
        set -e words[1]
    end
    test $is_value = no
    and string join -- \n $verb:$place $words
end

function __shmcount_is_at
    set -l place (__shmcount_place)
    set -q place[1]
    and contains -- $place[1] $argv
end

function __shmcount_in_command
    set -l place (__shmcount_place)
    set -q place[2]
end

function __shmcount_command
    set -l words (__shmcount_place)[2..-1] (commandline -ct)
    complete -C (string join -- ' ' $words)
end

# Whatever follows a command is its own.
functions -c __fish_shmcount_using_subcommand __shmcount_is_verb
function __fish_shmcount_using_subcommand
    not __shmcount_in_command
    and __shmcount_is_verb $argv
end

complete -c shmcount -f
complete -c shmcount -n "__shmcount_is_at #NAMES" -a "(shmcount ls --names 2>/dev/null)"
complete -c shmcount -n "__shmcount_is_at #SEGMENTS" -a "(shmcount ls --names 2>/dev/null | string match -v '*/*')"
complete -c shmcount -n "__shmcount_is_at #COMMANDS" -a "(__shmcount_command)"
#VALUES
