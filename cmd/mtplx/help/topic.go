package help

import (
	"embed"
	"strings"
)

// Topic is a short text about what several commands share.
type Topic struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

//go:embed topics/*.txt
var topicFiles embed.FS

// topicNames in the order in which they are listed.
var topicNames = []string{"how-it-works", "models", "sampling", "exactness", "proposals", "profiles", "serving", "config", "environment", "exit-codes"}

// Topics are all topics.
func Topics() (topics []Topic) {
	for _, name := range topicNames {
		data, err := topicFiles.ReadFile("topics/" + name + ".txt")
		if err != nil {
			panic(err) // it is in the binary
		}
		title, text, _ := strings.Cut(string(data), "\n")
		topics = append(topics, Topic{Name: name, Title: title, Text: strings.Trim(text, "\n")})
	}
	return topics
}

// FindTopic finds a topic by name; "exit codes" and "exit_codes" are exit-codes.
func FindTopic(name string) (Topic, bool) {
	name = strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(name))
	for _, t := range Topics() {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}
