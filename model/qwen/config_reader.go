package qwen

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// reader takes values out of a configuration; the first error sticks.
type reader struct {
	root, text gjson.Result
	err        error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// str reads a required string of the top level.
func (r *reader) str(key string) string {
	v := r.root.Get(key)
	if v.Type != gjson.String {
		r.fail("%s is missing or not a string", key)
	}
	return v.Str
}

func (r *reader) size(key string, limit int) int {
	v := r.text.Get(key)
	if !v.Exists() || v.Type == gjson.Null {
		r.fail("%s is missing", key)
		return 0
	}
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) {
		r.fail("%s is %s, not an integer", key, clip(v.Raw))
		return 0
	}
	if v.Num < 1 || v.Num > float64(limit) {
		r.fail("%s is %s: it must be between 1 and %d", key, clip(v.Raw), limit)
		return 0
	}
	return int(v.Num)
}

func (r *reader) sizeOr(key string, missing, limit int) int {
	if v := r.text.Get(key); !v.Exists() || v.Type == gjson.Null {
		return missing
	}
	return r.size(key, limit)
}

func (r *reader) number(key string, missing float64) float64 {
	v := r.text.Get(key)
	if !v.Exists() || v.Type == gjson.Null {
		if math.IsNaN(missing) {
			r.fail("%s is missing", key)
		}
		return missing
	}
	if v.Type != gjson.Number {
		r.fail("%s is %s, not a number", key, clip(v.Raw))
	}
	return v.Num
}

// rope reads a number from rope_parameters, else from the older place beside it.
func (r *reader) rope(block gjson.Result, key string, missing float64) float64 {
	v := block.Get(key)
	if !v.Exists() || v.Type == gjson.Null {
		return r.number(key, missing)
	}
	if v.Type != gjson.Number {
		r.fail("rope_parameters.%s is %s, not a number", key, clip(v.Raw))
		return missing
	}
	if old := r.number(key, v.Num); old != v.Num {
		r.fail("%s is %g in rope_parameters and %g beside it: they contradict", key, v.Num, old)
	}
	return v.Num
}

// mtpLayers reads how many MTP layers are declared; the key is absent in Qwen3-Next.
func (r *reader) mtpLayers() int {
	for _, key := range []string{"mtp_num_hidden_layers", "num_nextn_predict_layers"} {
		v := r.text.Get(key)
		if !v.Exists() {
			v = r.root.Get(key)
		}
		if !v.Exists() || v.Type == gjson.Null {
			continue
		}
		if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 0 || v.Num > maxLayers {
			r.fail("%s is %s: it must be between 0 and %d", key, clip(v.Raw), maxLayers)
			return 0
		}
		return int(v.Num)
	}
	return 1
}

// refuse rejects switches that change the arithmetic in ways that are not implemented.
func (r *reader) refuse(c *Config) {
	for _, x := range []struct {
		key  string
		want bool
	}{{"attention_bias", false}, {"attn_output_gate", true}, {"mtp_use_dedicated_embeddings", false}} {
		v := r.text.Get(x.key)
		if v.Exists() && v.Type != gjson.Null && (!v.IsBool() || v.Bool() != x.want) {
			r.fail("%s is %s: %w; only %v is", x.key, clip(v.Raw), ErrUnsupported, x.want)
		}
	}
	if v := r.text.Get("hidden_act"); v.Exists() && v.Str != "silu" {
		r.fail("hidden_act is %s: %w; only silu is", clip(v.Raw), ErrUnsupported)
	}
	// swish is the delta net's z gate under another name; attention's gate is always a sigmoid
	if v := r.text.Get("output_gate_type"); v.Exists() && v.Type != gjson.Null && !slices.Contains([]string{"swish", "silu"}, v.Str) {
		r.fail("output_gate_type is %s: %w; only swish is", clip(v.Raw), ErrUnsupported)
	}
	if c.MTPLayers > 1 {
		r.fail("mtp_num_hidden_layers is %d: %w; only one recursive layer is", c.MTPLayers, ErrUnsupported)
	}
}

// clip bounds what an error quotes of a hostile file.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}
