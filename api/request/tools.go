package request

import (
	"encoding/json"
	"fmt"
)

// AddTool adds a tool and writes it as chat templates expect it.
func (r *Request) AddTool(t Tool, field string) error {
	if len(r.Tools) == MaxTools {
		return Errorf("tools", "tools has more than %d entries", MaxTools)
	}
	for _, other := range r.Tools {
		if other.Name == t.Name {
			return Errorf(field, "%s is %s, which another tool is called already", field, Quote(t.Name))
		}
	}
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	}
	raw, err := json.Marshal(struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}{"function", function{t.Name, t.Description, json.RawMessage(t.Parameters)}})
	if err != nil {
		return fmt.Errorf("write tool %q: %w", t.Name, err)
	}
	t.Raw = string(raw)
	r.Tools = append(r.Tools, t)
	return nil
}

// CheckToolChoice holds the choice of tools against the tools there are.
func (r *Request) CheckToolChoice() error {
	switch r.ToolMode {
	case ToolsRequired:
		if len(r.Tools) == 0 {
			return Errorf("tool_choice", "tool_choice asks for a call, but there are no tools")
		}
	case ToolsNamed:
		for _, t := range r.Tools {
			if t.Name == r.ToolName {
				return nil
			}
		}
		return Errorf("tool_choice", "tool_choice names %s, which is none of the tools", Quote(r.ToolName))
	case ToolsAuto, ToolsNone:
	}
	return nil
}

// SetFormat sets what the answer must look like, once.
func (r *Request) SetFormat(f Format) error {
	if r.Format.Kind != Text {
		return Errorf(f.Field, "%s and %s both say what the answer must look like; give one", r.Format.Field, f.Field)
	}
	r.Format = f
	return nil
}

// SetEffort turns an effort of reasoning into what templates know: off, or a word.
func (r *Request) SetEffort(effort string) {
	switch effort {
	case "":
	case "none":
		r.Thinking = new(false)
	default:
		r.Effort = effort
		if r.Thinking == nil {
			r.Thinking = new(true)
		}
	}
}
