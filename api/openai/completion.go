package openai

import (
	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

// maxPrompts bounds how many prompts a completion may have.
const maxPrompts = 256

// ParseCompletion reads the body of /v1/completions.
func ParseCompletion(o *request.Object) (*request.Request, error) {
	r := &request.Request{N: 1}
	if err := common(o, r); err != nil {
		return nil, err
	}
	var err error
	if r.MaxTokens, err = request.TokenLimit(o, 1, "max_tokens", "max_completion_tokens", "n_predict"); err != nil {
		return nil, err
	}
	if r.MaxTokens == 0 && !o.Has("n_predict") && !o.Has("max_tokens") {
		r.MaxTokens = 16 // the dialect's own default
	}
	if v, ok := o.Raw("logprobs"); ok && v.Type != gjson.False {
		r.Logprobs = true
		if v.Type != gjson.True {
			if r.TopLogprobs, err = o.Whole("logprobs", 0, 20); err != nil {
				return nil, err
			}
		}
	}
	if r.Echo, err = o.Bool("echo", false); err != nil {
		return nil, err
	}
	if r.Echo && r.Logprobs {
		return nil, request.Errorf("echo", "echo with logprobs is not supported: this server scores what it writes, not prompts")
	}
	if err := responseFormat(o, r); err != nil {
		return nil, err
	}
	r.Prompts, err = prompts(o)
	if err != nil {
		return nil, err
	}
	if n := len(r.Prompts) * r.N; n > request.MaxChoices {
		return nil, request.Errorf("n", "%d prompts with n = %d make %d choices; give at most %d", len(r.Prompts), r.N, n, request.MaxChoices)
	}
	return r, nil
}

// prompts reads a string, a list of strings, a list of tokens, or a list of lists of tokens.
func prompts(o *request.Object) ([]request.Prompt, error) {
	const want = "a string, a list of strings, a list of token ids, or a list of such lists"
	v, ok := o.Raw("prompt")
	if !ok {
		return nil, request.Errorf("prompt", "prompt is missing; give %s", want)
	}
	if v.Type == gjson.String {
		return []request.Prompt{{Text: v.Str}}, nil
	}
	if !v.IsArray() {
		return nil, request.Errorf("prompt", "prompt is neither; give %s", want)
	}
	items := v.Array()
	if len(items) == 0 {
		return nil, request.Errorf("prompt", "prompt is an empty list; give %s", want)
	}
	if items[0].Type == gjson.Number {
		items = []gjson.Result{v}
	}
	if len(items) > maxPrompts {
		return nil, request.Errorf("prompt", "prompt has %d entries; give at most %d", len(items), maxPrompts)
	}
	var out []request.Prompt
	for _, item := range items {
		switch {
		case item.Type == gjson.String:
			out = append(out, request.Prompt{Text: item.Str})
		case item.IsArray():
			ids, bad := request.TokenList(item)
			if bad != nil || len(ids) == 0 {
				return nil, request.Errorf("prompt", "prompt has a list that is no list of token ids; give %s", want)
			}
			out = append(out, request.Prompt{Tokens: ids})
		default:
			return nil, request.Errorf("prompt", "prompt mixes kinds; give %s", want)
		}
	}
	return out, nil
}
