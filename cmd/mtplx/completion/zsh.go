package completion

import (
	"fmt"
	"strings"
)

// zshHead works both as a file in $fpath and when it is sourced.
const zshHead = `#compdef mtplx
# zsh completion of mtplx, written by mtplx completion zsh.
# To have it now: source <(mtplx completion zsh)

_mtplx() {
    local at= word prev=${words[CURRENT-1]} kind=argument
    local -a offers
    for word in ${words[2,CURRENT-1]}; do
        case $at/$word in
%s        esac
    done
    if [[ ${words[CURRENT]} == --*=* ]]; then
        prev=${words[CURRENT]%%%%=*}
        compset -P '*='
    fi
    case "$at $prev" in
%s    esac
    if [[ $kind == argument ]]; then
        if [[ ${words[CURRENT]} == -* ]]; then
            kind=options
            case $at in
%s            esac
        else
            case $at in
%s            esac
        fi
    fi
    case $kind in
    words) compadd -a offers ;;
    commands) _describe -t commands command offers ;;
    options) _describe -o -t options option offers ;;
    files) _files ;;
    dirs) _files -/ ;;
    esac
}

if [[ $funcstack[1] == _mtplx ]]; then
    _mtplx "$@"
else
    compdef _mtplx mtplx
fi
`

// zsh is the script for zsh.
func zsh(commands []place) string {
	var steps, values, options, arguments strings.Builder
	for _, c := range commands {
		below := make([]string, 0, len(c.below))
		flags := make([]string, 0, len(c.options))
		for _, b := range c.below {
			fmt.Fprintf(&steps, "        %s) at=%s ;;\n", c.path+"/"+b.name, b.path)
			below = append(below, quote(b.name+":"+b.help))
		}
		for _, o := range c.options {
			for _, s := range o.spellings() {
				flags = append(flags, quote(s+":"+o.help))
			}
			if o.takes == nil {
				continue
			}
			fmt.Fprintf(&values, "    %s) %s ;;\n", o.patterns(c.path), o.takes.zsh())
		}
		fmt.Fprintf(&options, "            %q) offers=(%s) ;;\n", c.path, strings.Join(flags, " "))
		if len(below) > 0 {
			fmt.Fprintf(&arguments, "            %q) kind=commands offers=(%s) ;;\n", c.path, strings.Join(below, " "))
		} else if c.argument.kind != free {
			fmt.Fprintf(&arguments, "            %q) %s ;;\n", c.path, c.argument.zsh())
		}
	}
	return fmt.Sprintf(zshHead, steps.String(), values.String(), options.String(), arguments.String())
}

func (v value) zsh() string {
	switch v.kind {
	case words:
		return "kind=words offers=(" + strings.Join(v.words, " ") + ")"
	case files:
		return "kind=files"
	case dirs:
		return "kind=dirs"
	default:
		return "kind=free"
	}
}

// quote is a text in single quotes, which zsh and fish read alike but for the quote itself.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
