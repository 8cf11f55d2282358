package completion

import (
	"fmt"
	"strings"
)

// bashHead finds the command that a line is in; bash 3.2, as macOS has it, knows all that is used.
const bashHead = `# bash completion of mtplx, written by mtplx completion bash.
# To have it now: source <(mtplx completion bash)

_mtplx() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= at= i word kind=argument words=
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $at/$word in
%s        esac
    done
    # --flag=value arrives in three words.
    if [[ $cur == = ]]; then
        cur= prev=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    else
        prev=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    case "$at $prev" in
%s    esac
    if [[ $kind == argument ]]; then
        kind=words
        case $at in
%s        esac
        if [[ $cur == -* ]]; then
            kind=words
            case $at in
%s            esac
        fi
    fi
    local IFS=$' \t\n'
    case $kind in
    words) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
    files)
        IFS=$'\n'
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        ;;
    dirs)
        IFS=$'\n'
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$cur"))
        ;;
    esac
}
complete -F _mtplx mtplx
`

// bash is the script for bash.
func bash(commands []place) string {
	var steps, values, arguments, options strings.Builder
	for _, c := range commands {
		for _, b := range c.below {
			fmt.Fprintf(&steps, "        %s) at=%s ;;\n", c.path+"/"+b.name, b.path)
		}
		var flags []string
		for _, o := range c.options {
			flags = append(flags, "--"+o.name)
			if o.takes == nil {
				continue
			}
			fmt.Fprintf(&values, "    %s) %s ;;\n", o.patterns(c.path), o.takes.bash())
		}
		fmt.Fprintf(&options, "            %q) words=%q ;;\n", c.path, strings.Join(flags, " "))
		if len(c.below) > 0 {
			names := make([]string, 0, len(c.below))
			for _, b := range c.below {
				names = append(names, b.name)
			}
			fmt.Fprintf(&arguments, "        %q) words=%q ;;\n", c.path, strings.Join(names, " "))
		} else if c.argument.kind != free {
			fmt.Fprintf(&arguments, "        %q) %s ;;\n", c.path, c.argument.bash())
		}
	}
	return fmt.Sprintf(bashHead, steps.String(), values.String(), arguments.String(), options.String())
}

// bash says how the value is completed. Words of mtplx have no characters that a shell takes for its own.
func (v value) bash() string {
	switch v.kind {
	case words:
		return fmt.Sprintf("kind=words words=%q", strings.Join(v.words, " "))
	case files:
		return "kind=files"
	case dirs:
		return "kind=dirs"
	default:
		return "kind=free"
	}
}
