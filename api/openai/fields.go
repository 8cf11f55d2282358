package openai

import (
	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

// refused are fields whose meaning this server cannot give, with what to do instead. A value that asks for
// nothing (null, false, 0, an empty list) passes.
var refused = map[string]string{
	"functions":            "use tools",
	"function_call":        "use tool_choice",
	"audio":                "this server writes text only",
	"prediction":           "leave it out: the model's own head predicts the answer",
	"web_search_options":   "this server searches nothing",
	"grammar":              "use response_format with a json_schema, or structured_outputs with a regex",
	"mirostat":             "use temperature, top_p, top_k and min_p",
	"typical_p":            "use temperature, top_p, top_k and min_p",
	"xtc_probability":      "use temperature, top_p, top_k and min_p",
	"dry_multiplier":       "use repetition_penalty",
	"dynatemp_range":       "use temperature",
	"prompt_logprobs":      "this server scores what it writes, not prompts",
	"suffix":               "send the whole prompt in the model's own fill-in-the-middle notation",
	"use_beam_search":      "use n",
	"previous_response_id": "send the whole conversation as input: this server keeps no responses",
	"conversation":         "send the whole conversation as input: this server keeps none",
	"background":           "leave it out, or stream",
}

// ignored are fields that change nothing in the text; they are known so that the list of refused ones is
// complete: store, service_tier, safety_identifier, client_metadata, include, truncation, verbosity,
// cache_prompt, id_slot, n_cache_reuse, samplers, prompt_cache_retention, stream_options' other keys,
// parallel use of response_fields, add_generation_prompt and all fields nobody knows.

func nothing(v gjson.Result) bool {
	switch v.Type {
	case gjson.Null, gjson.False:
		return true
	case gjson.Number:
		return v.Num == 0
	case gjson.String:
		return v.Str == "" || v.Str == "none"
	default:
		return v.IsArray() && len(v.Array()) == 0
	}
}

// refuse looks for fields that ask for what this server does not do.
func refuse(o *request.Object) error {
	for _, name := range o.Fields() {
		instead, bad := refused[name]
		if !bad || instead == "" {
			continue
		}
		if v, _ := o.Raw(name); !nothing(v) {
			return request.Errorf(o.Name(name), "%s is not supported; %s", o.Name(name), instead)
		}
	}
	if v, ok := o.Raw("modalities"); ok {
		for _, m := range v.Array() {
			if m.Str != "text" {
				return request.Errorf("modalities", "modalities has %s; this server writes text only", request.Quote(m.Str))
			}
		}
	}
	return nil
}
