package openai

import (
	"regexp"

	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_.:-]{1,128}$`)

// readTools reads tools, tool_choice and parallel_tool_calls of chat.
func readTools(o *request.Object, r *request.Request) error {
	err := o.List("tools", func(t *request.Object) error {
		kind, err := t.Enum("type", "function")
		if err != nil {
			return err
		}
		f, err := t.Object("function")
		if err != nil {
			return err
		}
		if kind == "" || f == nil {
			return request.Errorf(t.Name("function"), "%s is missing", t.Name("function"))
		}
		return addTool(r, f)
	})
	if err != nil {
		return err
	}
	if r.Parallel, err = o.Bool("parallel_tool_calls", true); err != nil {
		return err
	}
	return toolChoice(o, r)
}

// addTool reads a function: name, description, parameters.
func addTool(r *request.Request, f *request.Object) error {
	var t request.Tool
	var p request.Problems
	request.Set(&p, &t.Name, func() (string, error) { return f.String("name") })
	request.Set(&p, &t.Description, func() (string, error) { return f.String("description") })
	if p.Err != nil {
		return p.Err
	}
	if !toolName.MatchString(t.Name) {
		return request.Errorf(f.Name("name"), "%s is %s; give 1 to 128 letters, digits and the signs _ . : -", f.Name("name"), request.Quote(t.Name))
	}
	if v, ok := f.Raw("parameters"); ok {
		if !v.IsObject() {
			return request.Errorf(f.Name("parameters"), "%s is no JSON schema; give an object", f.Name("parameters"))
		}
		t.Parameters = v.Raw
	}
	return r.AddTool(t, f.Name("name"))
}

// toolChoice reads tool_choice of chat, {"type":"function","function":{"name":...}}, and of responses,
// {"type":"function","name":...}.
func toolChoice(o *request.Object, r *request.Request) error {
	v, ok := o.Raw("tool_choice")
	if !ok {
		return nil
	}
	if v.Type == gjson.String {
		choice, err := o.Enum("tool_choice", "auto", "none", "required")
		if err != nil {
			return err
		}
		r.ToolMode = map[string]request.ToolMode{"auto": request.ToolsAuto, "none": request.ToolsNone, "required": request.ToolsRequired}[choice]
	} else {
		c, err := o.Object("tool_choice")
		if err != nil {
			return err
		}
		if kind, err := c.Enum("type", "function"); err != nil || kind == "" {
			return firstError(err, request.Errorf("tool_choice.type", "tool_choice.type is missing; give function"))
		}
		named := c
		if c.Has("function") {
			if named, err = c.Object("function"); err != nil {
				return err
			}
		}
		if r.ToolName, err = named.String("name"); err != nil {
			return err
		}
		r.ToolMode = request.ToolsNamed
	}
	return r.CheckToolChoice()
}

// responseFormat reads response_format, and the fields of other servers with the same meaning.
func responseFormat(o *request.Object, r *request.Request) error {
	f, err := o.Object("response_format")
	if err != nil {
		return err
	}
	if f != nil {
		if err := format(f, r); err != nil {
			return err
		}
	}
	if f, err = o.Object("structured_outputs"); err != nil {
		return err
	}
	for _, place := range []struct {
		o                   *request.Object
		json, regex, choice string
	}{{o, "guided_json", "guided_regex", "guided_choice"}, {o, "json_schema", "", ""}, {f, "json", "regex", "choice"}} {
		if place.o == nil {
			continue
		}
		if v, ok := place.o.Raw(place.json); ok {
			source := v.Raw
			if v.Type == gjson.String {
				source = v.Str
			}
			if err := r.SetFormat(request.Format{Kind: request.JSONSchema, Source: source, Field: place.o.Name(place.json)}); err != nil {
				return err
			}
		}
		source, err := place.o.String(place.regex)
		if err != nil {
			return err
		}
		if source != "" {
			if err := r.SetFormat(request.Format{Kind: request.Regex, Source: source, Field: place.o.Name(place.regex)}); err != nil {
				return err
			}
		}
		choices, err := place.o.Strings(place.choice, 4096)
		if err != nil {
			return err
		}
		if choices != nil {
			if err := r.SetFormat(request.Format{Kind: request.Choice, Choices: choices, Field: place.o.Name(place.choice)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// format reads {"type": text|json_object|json_schema}. Chat puts the schema into json_schema, responses
// beside the type.
func format(f *request.Object, r *request.Request) error {
	kind, err := f.Enum("type", "text", "json_object", "json_schema")
	if err != nil {
		return err
	}
	switch kind {
	case "":
		return request.Errorf(f.Name("type"), "%s is missing", f.Name("type"))
	case "json_object":
		source := ""
		if v, ok := f.Raw("schema"); ok { // llama.cpp's way to give one
			source = v.Raw
		}
		if source != "" {
			return r.SetFormat(request.Format{Kind: request.JSONSchema, Source: source, Field: f.Name("schema")})
		}
		return r.SetFormat(request.Format{Kind: request.JSONObject, Field: f.Name("type")})
	case "json_schema":
		holder := f
		if f.Has("json_schema") {
			if holder, err = f.Object("json_schema"); err != nil {
				return err
			}
		}
		v, ok := holder.Raw("schema")
		if !ok || !v.IsObject() && v.Type != gjson.True {
			return request.Errorf(holder.Name("schema"), "%s is no JSON schema; give an object", holder.Name("schema"))
		}
		return r.SetFormat(request.Format{Kind: request.JSONSchema, Source: v.Raw, Field: holder.Name("schema")})
	}
	return nil
}
