package completion

import (
	"fmt"
	"strings"
)

const fishHead = `# fish completion of mtplx, written by mtplx completion fish.
# To have it now: mtplx completion fish | source

function __mtplx_at --description 'Whether the line is in a command of mtplx'
    set -l at ''
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        switch "$at/$word"
%s        end
    end
    test "$at" = "$argv[1]"
end

complete -c mtplx -f
`

// fish is the script for fish.
func fish(commands []place) string {
	var steps, lines strings.Builder
	for _, c := range commands {
		at := fmt.Sprintf("complete -c mtplx -n '__mtplx_at \"%s\"'", c.path)
		for _, b := range c.below {
			fmt.Fprintf(&steps, "            case %s\n                set at %s\n", quote(c.path+"/"+b.name), b.path)
			fmt.Fprintf(&lines, "%s -a %s -d %s\n", at, b.name, quote(b.help))
		}
		for _, o := range c.options {
			line := at + " -l " + o.name
			if o.short != 0 {
				line += " -s " + string(o.short)
			}
			if o.takes != nil {
				line += " " + o.takes.fish()
			}
			fmt.Fprintf(&lines, "%s -d %s\n", line, quote(o.help))
		}
		switch c.argument.kind {
		case words:
			fmt.Fprintf(&lines, "%s -a %s\n", at, quote(strings.Join(c.argument.words, " ")))
		case files:
			fmt.Fprintf(&lines, "%s -F\n", at)
		case dirs:
			fmt.Fprintf(&lines, "%s -a '(__fish_complete_directories)'\n", at)
		case free:
		}
	}
	return fmt.Sprintf(fishHead, steps.String()) + lines.String()
}

func (v value) fish() string {
	switch v.kind {
	case words:
		return "-x -a " + quote(strings.Join(v.words, " "))
	case files:
		return "-r -F"
	case dirs:
		return "-x -a '(__fish_complete_directories)'"
	default:
		return "-x"
	}
}
