package help

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Short is the first sentence of a help text, without what follows a semicolon and without its full stop.
func Short(text string) string {
	text, _, _ = strings.Cut(text, "; ")
	text, _, _ = strings.Cut(text, ". ")
	return strings.TrimSuffix(strings.TrimSpace(text), ".")
}

// FlagText is how a flag is written with what stands for its value, such as "--depth auto|N", and with -y before it when it
// has a short form.
func FlagText(f *kong.Flag) string {
	text := "--" + f.Name
	if f.IsBool() && f.Tag.Negatable != "" {
		text = "--[no-]" + f.Name
	}
	if v := Placeholder(f); v != "" {
		text += " " + v
	}
	if f.Short != 0 {
		text = "-" + string(f.Short) + ", " + text
	}
	return text
}

// Placeholder is what stands for a flag's value; a switch has none.
func Placeholder(f *kong.Flag) string {
	switch {
	case f.IsBool() || f.IsCounter():
		return ""
	case f.PlaceHolder != "":
		return f.PlaceHolder
	}
	if values, closed := Values(f); closed {
		if all := strings.Join(values, "|"); len(all) <= 20 {
			return all
		}
		return "NAME"
	}
	t := f.Target.Type()
	if t.Kind() == reflect.Pointer || f.IsSlice() {
		t = t.Elem()
	}
	switch {
	case t.String() == "time.Duration":
		return "TIME"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "N"
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return "X"
	default:
		return "TEXT"
	}
}

// withDefault adds a flag's default to what is said of it, unless that says it already or the default is to do nothing.
func withDefault(f *kong.Flag, text string) string {
	if !f.HasDefault || f.Default == "" || f.Default == "false" || strings.Contains(f.Help, "default") {
		return text
	}
	if f.IsBool() {
		return text + " (on by default)"
	}
	return text + " (default " + f.Default + ")"
}

// flagRows are the rows of flags: full gives all that is known of each, otherwise a line's worth.
func flagRows(flags []*kong.Flag, full bool) []row {
	rows := make([]row, 0, len(flags))
	for _, f := range flags {
		text := withDefault(f, Short(f.Help))
		if full {
			text = Describe(f)
		}
		rows = append(rows, row{FlagText(f), text})
	}
	return rows
}

// Describe is all that is known of a flag: its help, default, values, and variables with names of their own.
func Describe(f *kong.Flag) string {
	text := withDefault(f, strings.TrimSuffix(f.Help, "."))
	if f.Enum != "" && !strings.Contains(f.Help, f.EnumSlice()[0]) {
		text += "; one of " + strings.Join(f.EnumSlice(), ", ")
	}
	if own := f.Tag.Envs; len(own) > 0 && own[0] != "-" {
		text += "; also $" + strings.Join(own, ", $")
	}
	return text
}

// Variables are the environment variables that set a flag, the one that counts first: those its command names, or MTPLX_ and
// the flag's name. --help has none.
func Variables(f *kong.Flag) []string {
	switch {
	case f.Name == "help" || slices.Equal(f.Tag.Envs, []string{"-"}):
		return nil
	case len(f.Tag.Envs) > 0:
		return f.Tag.Envs
	default:
		return []string{"MTPLX_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}
	}
}

// FlagGroup is flags under one heading.
type FlagGroup struct {
	Title string
	Flags []*kong.Flag
}

// FlagGroups are a command's visible flags by group, those without one first, the rest in order of appearance. The flags of
// the program itself are left out.
func FlagGroups(node *kong.Node) (groups []FlagGroup) {
	at := map[string]int{}
	add := func(title string, f *kong.Flag) {
		i, ok := at[title]
		if !ok {
			i = len(groups)
			at[title] = i
			groups = append(groups, FlagGroup{Title: title})
		}
		groups[i].Flags = append(groups[i].Flags, f)
	}
	var flags []*kong.Flag
	for n := node; n != nil && n.Type != kong.ApplicationNode; n = n.Parent {
		flags = append(slices.Clone(n.Flags), flags...)
	}
	flags = slices.DeleteFunc(flags, func(f *kong.Flag) bool { return f.Hidden })
	for _, f := range flags {
		if f.Group == nil {
			add("Flags", f)
		}
	}
	for _, f := range flags {
		if f.Group != nil {
			add(f.Group.Title, f)
		}
	}
	return groups
}

// Synopsis is a command line of a command in general.
func Synopsis(node *kong.Node) string {
	words := []string{"mtplx", Path(node)}
	switch {
	case node.DefaultCmd != nil: // that runs, with its flags, where none is named
		words = append(words, "[COMMAND]", "[FLAGS]")
	case len(Commands(node)) > 0:
		words = append(words, "COMMAND")
	}
	for _, p := range node.Positional {
		arg := strings.ToUpper(p.Name)
		if p.IsCumulative() || p.Passthrough {
			arg += "..."
		}
		if !p.Required {
			arg = "[" + arg + "]"
		}
		words = append(words, arg)
	}
	if len(FlagGroups(node)) > 0 {
		words = append(words, "[FLAGS]")
	}
	return strings.Join(words, " ")
}

// Path is a command's name with those above it, without the program's.
func Path(node *kong.Node) string {
	if node.Parent == nil || node.Parent.Type == kong.ApplicationNode {
		return node.Name
	}
	return Path(node.Parent) + " " + node.Name
}

// Commands are the visible commands below a node.
func Commands(node *kong.Node) (below []*kong.Node) {
	for _, c := range node.Children {
		if !c.Hidden && c.Type == kong.CommandNode {
			below = append(below, c)
		}
	}
	return below
}

// All are the visible commands of the whole tree in order, each before those below it.
func All(node *kong.Node) (commands []*kong.Node) {
	for _, c := range Commands(node) {
		commands = append(append(commands, c), All(c)...)
	}
	return commands
}
