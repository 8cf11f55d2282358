package connect

import "strings"

// Target is the server that a client is to talk to.
type Target struct {
	Base    string // its address without /v1, such as http://127.0.0.1:8000
	Key     bool   // it takes an API key
	Context int    // tokens of a conversation; 0 is not known
}

// alias is the name under which every mtplx serves its model.
const alias = "mtplx"

// anyKey goes to servers that take none, since clients refuse to begin without one.
const anyKey = "mtplx"

// keyVariable is where clients find the API key.
const keyVariable = "MTPLX_AUTH"

// Variable is one of a client's environment. A secret's value is the API key.
type Variable struct {
	Name, Value string
	Secret      bool
}

// quoted is the value as a shell takes it.
func (v *Variable) quoted() string {
	if v.Secret {
		return `"$` + keyVariable + `"`
	}
	return quote(v.Value)
}

// quote is a text as a shell takes it: as it is, or between single quotes.
func quote(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// key is the variable that holds the API key.
func (t *Target) key(name string) Variable {
	if t.Key {
		return Variable{Name: name, Secret: true}
	}
	return Variable{Name: name, Value: anyKey}
}

// OpenAI is the environment of OpenAI's libraries.
func (t *Target) OpenAI() []Variable {
	return []Variable{{Name: "OPENAI_BASE_URL", Value: t.Base + "/v1"}, t.key("OPENAI_API_KEY")}
}

// Anthropic is the environment of Anthropic's libraries.
func (t *Target) Anthropic() []Variable {
	return []Variable{{Name: "ANTHROPIC_BASE_URL", Value: t.Base}, t.key("ANTHROPIC_API_KEY")}
}

// ClaudeCode is the environment of Claude Code. Every tier of models that it may choose from is the one that is served.
func (t *Target) ClaudeCode() []Variable {
	return []Variable{
		{Name: "ANTHROPIC_BASE_URL", Value: t.Base},
		t.key("ANTHROPIC_AUTH_TOKEN"),
		{Name: "ANTHROPIC_DEFAULT_OPUS_MODEL", Value: alias},
		{Name: "ANTHROPIC_DEFAULT_SONNET_MODEL", Value: alias},
		{Name: "ANTHROPIC_DEFAULT_HAIKU_MODEL", Value: alias},
		{Name: "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", Value: "1"},
		{Name: "ANTHROPIC_MODEL", Value: alias},
	}
}

// Assignments are variables in front of a command, or behind export.
func Assignments(vars []Variable) string {
	parts := make([]string, len(vars))
	for i := range vars {
		parts[i] = vars[i].Name + "=" + vars[i].quoted()
	}
	return strings.Join(parts, " ")
}
