package help

import (
	"slices"

	"github.com/alecthomas/kong"
)

// CommandGroup is commands under one heading.
type CommandGroup struct {
	Title    string
	Commands []*kong.Node
}

// rest is the group of commands that nobody has put into one.
const rest = "More"

// groups of commands, in the order in which people meet them. A command's own group tag goes before.
var groups = []struct {
	title    string
	commands []string
}{
	{"Talk", []string{"start", "chat", "ask", "run"}},
	{"Serve", []string{"serve", "quickstart", "status", "connect", "integrate", "openwebui", "metrics"}},
	{"Models", []string{"pull", "models", "remove", "inspect", "model", "profiles", "forge", "gc"}},
	{"Measure", []string{"bench", "tune", "qa", "profile", "session-bank"}},
	{"Machine", []string{"doctor", "device", "devices", "env", "max", "report", "debug", "setup", "init"}},
	{"Settings", []string{"config", "completion", "man", "help", "version", "update", "advanced"}},
}

// topicOf is the topic that says all about a group of flags, whose names alone would fill half a page.
var topicOf = map[string]string{"Proposals": "proposals"}

// GroupOf is the title of a command's group.
func GroupOf(node *kong.Node) string {
	if g := node.ClosestGroup(); g != nil {
		return g.Title
	}
	for node.Parent != nil && node.Parent.Type != kong.ApplicationNode {
		node = node.Parent
	}
	for _, g := range groups {
		if slices.Contains(g.commands, node.Name) {
			return g.title
		}
	}
	return rest
}

// CommandGroups are the program's visible commands by group.
func CommandGroups(app *kong.Application) (out []CommandGroup) {
	var titles []string
	for _, g := range groups {
		titles = append(titles, g.title)
	}
	byTitle := map[string][]*kong.Node{}
	for _, c := range Commands(app.Node) {
		title := GroupOf(c)
		if !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
		byTitle[title] = append(byTitle[title], c)
	}
	for _, t := range titles {
		if len(byTitle[t]) > 0 {
			out = append(out, CommandGroup{t, byTitle[t]})
		}
	}
	return out
}
