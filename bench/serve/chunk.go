package serve

import (
	"errors"

	"github.com/tidwall/gjson"
)

// chunk is what a client needs of one event of a stream.
type chunk struct {
	brought bool   // text, thought, a call or token ids
	ids     int    // token ids
	text    string // of the answer
	failure string // an error that the server sent instead

	usage                      bool
	prompt, cached, completion int
}

var errNotJSON = errors.New("an event is no JSON object")

// parseChunk reads an event of either endpoint.
func parseChunk(data []byte) (chunk, error) {
	var c chunk
	if !gjson.ValidBytes(data) {
		return c, errNotJSON
	}
	root := gjson.ParseBytes(data)
	if !root.IsObject() {
		return c, errNotJSON
	}
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.String() {
		case "choices":
			c.choice(value.Get("0"))
		case "usage":
			if value.IsObject() {
				c.usage = true
				c.prompt, c.completion = int(value.Get("prompt_tokens").Int()), int(value.Get("completion_tokens").Int())
				c.cached = int(value.Get("prompt_tokens_details.cached_tokens").Int())
			}
		case "error":
			if value.Type != gjson.Null {
				c.failure = errorText(value)
			}
		}
		return true
	})
	return c, nil
}

func (c *chunk) choice(v gjson.Result) {
	v.ForEach(func(key, value gjson.Result) bool {
		switch key.String() {
		case "text":
			c.text = value.String()
		case "token_ids":
			if value.IsArray() {
				value.ForEach(func(_, _ gjson.Result) bool {
					c.ids++
					return true
				})
			}
		case "delta":
			value.ForEach(func(key, value gjson.Result) bool {
				switch key.String() {
				case "content":
					c.text = value.String()
				case "reasoning_content", "reasoning":
					c.brought = c.brought || value.String() != ""
				case "tool_calls":
					c.brought = c.brought || value.IsArray() && value.Get("0").Exists()
				}
				return true
			})
		}
		return true
	})
	c.brought = c.brought || c.text != "" || c.ids > 0
}

// errorText is the message of an error in any of the forms that servers use.
func errorText(v gjson.Result) string {
	if m := v.Get("message"); m.Exists() {
		return m.String()
	}
	return v.String()
}
