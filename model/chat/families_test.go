package chat

import (
	"encoding/json"
	"os"
	"testing"
)

const defaultTemplate = "../demo/default/chat_template.jinja"

type conversation struct {
	Messages []json.RawMessage
	Tools    json.RawMessage
	Kwargs   json.RawMessage

	AddGenerationPrompt  bool `json:"add_generation_prompt"`
	ContinueFinalMessage bool `json:"continue_final_message"`
}

type families struct {
	Special       json.RawMessage
	Conversations map[string]conversation
	Cases         []struct {
		snippet
		Family string
	}
}

func fromJSON(t testing.TB, data json.RawMessage) Value {
	t.Helper()
	v, err := FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// message makes a Message of the JSON that a client would send.
func message(t testing.TB, data json.RawMessage) Message {
	t.Helper()
	v := fromJSON(t, data)
	text := func(key string) string {
		s, _ := v.Get(key).Text()
		return s
	}
	m := Message{
		Role:       text("role"),
		Content:    text("content"),
		Reasoning:  text("reasoning_content"),
		ToolCallID: text("tool_call_id"),
		Name:       text("name"),
	}
	switch content := v.Get("content"); content.k {
	case kindNone:
		m.NoContent = true
	case kindList:
		m.Parts = content.slice()
	default:
	}
	if calls := v.Get("tool_calls"); calls.k == kindList {
		for _, c := range calls.slice() {
			id, _ := c.Get("id").Text()
			name, _ := c.Get("function").Get("name").Text()
			arguments, err := c.Get("function").Get("arguments").JSON()
			if err != nil {
				t.Fatal(err)
			}
			m.ToolCalls = append(m.ToolCalls, ToolCall{ID: id, Name: name, Arguments: arguments})
		}
	}
	return m
}

func (c conversation) request(t testing.TB) ([]Message, Options) {
	t.Helper()
	var messages []Message
	for _, m := range c.Messages {
		messages = append(messages, message(t, m))
	}
	o := Options{
		AddGenerationPrompt:  c.AddGenerationPrompt,
		ContinueFinalMessage: c.ContinueFinalMessage,
		Now:                  fixtureNow,
	}
	if c.Tools != nil {
		o.Tools = fromJSON(t, c.Tools).slice()
	}
	if c.Kwargs != nil {
		o.Kwargs = pairsOf(t, c.Kwargs)
	}
	return messages, o
}

// raw renders the conversation's JSON as it stands, without Message in between.
func (c conversation) raw(t testing.TB, tpl *Template) (string, error) {
	t.Helper()
	items := make([]Value, len(c.Messages))
	for i, m := range c.Messages {
		items[i] = fromJSON(t, m)
	}
	tools := None()
	if c.Tools != nil {
		tools = fromJSON(t, c.Tools)
	}
	vars := []Pair{
		{"messages", List(items...)},
		{"tools", tools},
		{"documents", None()},
		{"add_generation_prompt", Bool(c.AddGenerationPrompt)},
	}
	if c.Kwargs != nil {
		vars = append(vars, pairsOf(t, c.Kwargs)...)
	}
	return tpl.render(vars, fixtureNow)
}

func openFamily(t testing.TB, family string, special []Pair) *Template {
	t.Helper()
	path := "testdata/families/" + family + ".jinja"
	if family == "default" {
		path = defaultTemplate
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := Parse(string(source))
	if err != nil {
		t.Fatal(err)
	}
	return tpl.With(special...)
}

// TestFamilies holds whole templates times conversations to what Jinja2 made of them.
func TestFamilies(t *testing.T) {
	var f families
	readFixture(t, "testdata/families.json", &f)
	if len(f.Cases) < 200 {
		t.Fatalf("got %d cases, want 200 or more", len(f.Cases))
	}
	special := pairsOf(t, f.Special)
	templates := map[string]*Template{}
	for _, c := range f.Cases {
		tpl := templates[c.Family]
		if tpl == nil {
			tpl = openFamily(t, c.Family, special)
			templates[c.Family] = tpl
		}
		conv := f.Conversations[c.Name]
		check := func(t *testing.T, got string, err error) {
			t.Helper()
			switch {
			case c.Error == "" && err != nil:
				t.Errorf("got error %v\nwant %q", err, c.Text)
			case c.Error == "" && got != c.Text:
				t.Errorf("\n got %q\nwant %q", got, c.Text)
			case c.Error != "" && err == nil:
				t.Errorf("got %q\nwant %s error: %s", got, c.Error, c.Message)
			case c.Error != "" && !conv.ContinueFinalMessage:
				checkError(t, c.snippet, err)
			}
		}
		t.Run(c.Family+"/"+c.Name, func(t *testing.T) {
			messages, o := conv.request(t)
			asParts := true
			for _, m := range messages {
				asParts = asParts && (m.Parts == nil || tpl.readsParts())
			}
			if asParts { // other templates get strings, which TestPartsJoined is about
				got, err := tpl.RenderChat(messages, o)
				check(t, got, err)
			}
			if !conv.ContinueFinalMessage {
				got, err := conv.raw(t, tpl)
				check(t, got, err)
			}
		})
	}
}
