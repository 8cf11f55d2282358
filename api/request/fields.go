package request

import (
	"strconv"

	"github.com/tidwall/gjson"

	"mtplx/sched"
	"mtplx/sched/bank"
)

// Bounds of what a request may ask for.
const (
	MaxStops    = 64
	MaxBiases   = 4096
	MaxChoices  = 128 // n
	MaxTools    = 1024
	MaxMessages = 20000
	maxTokens   = 1 << 31
)

// Problems runs readers in order and keeps the first error.
type Problems struct{ Err error }

// Set reads a pointer field through f.
func Set[T any](p *Problems, dst *T, f func() (T, error)) {
	if p.Err != nil {
		return
	}
	v, err := f()
	if err != nil {
		p.Err = err
		return
	}
	*dst = v
}

// Sampling reads the fields that every dialect shares.
func (r *Request) Sampling(o *Object) error {
	var p Problems
	Set(&p, &r.Model, func() (string, error) { return o.String("model") })
	Set(&p, &r.Stream, func() (bool, error) { return o.Bool("stream", false) })
	Set(&p, &r.Temperature, func() (*float64, error) { return o.Float("temperature", 0, 100) })
	Set(&p, &r.TopP, func() (*float64, error) { return o.Float("top_p", 0, 1) })
	Set(&p, &r.MinP, func() (*float64, error) { return o.Float("min_p", 0, 1) })
	Set(&p, &r.TopK, func() (*int, error) {
		k, err := o.Int("top_k", -1, 1<<20)
		if err != nil || k == nil {
			return nil, err
		}
		return new(int(max(*k, 0))), nil // -1 is off for some clients
	})
	Set(&p, &r.Seed, func() (*uint64, error) { return o.Seed("seed") })
	Set(&p, &r.Frequency, func() (float64, error) { return number(o, "frequency_penalty", -2, 2) })
	Set(&p, &r.Presence, func() (float64, error) { return number(o, "presence_penalty", -2, 2) })
	for _, name := range []string{"repetition_penalty", "repeat_penalty"} {
		if o.Has(name) {
			Set(&p, &r.Repetition, func() (float64, error) { return number(o, name, 0.01, 100) })
		}
	}
	for _, name := range []string{"depth", "mtp_depth", "speculative_depth", "speculative.n_max"} {
		if o.Has(name) {
			Set(&p, &r.Depth, func() (*int, error) { return integer(o, name, 0, 8) })
		}
	}
	Set(&p, &r.Priority, func() (int, error) { return whole(o, "priority", -sched.MaxPriority, sched.MaxPriority) })
	Set(&p, &r.Reuse, func() (bank.Mode, error) {
		on, err := o.Bool("cache_prompt", true)
		if err != nil || on {
			return bank.Share, err
		}
		return bank.Off, nil
	})
	Set(&p, &r.MinTokens, func() (int, error) { return whole(o, "min_tokens", 0, 1<<31-1) })
	Set(&p, &r.IgnoreEOS, func() (bool, error) { return o.Bool("ignore_eos", false) })
	Set(&p, &r.ReturnTokens, func() (bool, error) { return o.Bool("return_token_ids", false) })
	Set(&p, &r.Timings, func() (bool, error) { return o.Bool("timings_per_token", false) })
	if p.Err == nil {
		p.Err = r.session(o)
	}
	if p.Err == nil {
		r.StopTokens, p.Err = tokens(o, "stop_token_ids", MaxStops)
	}
	if p.Err == nil {
		r.Biases, p.Err = biases(o)
	}
	return p.Err
}

// session looks for a name of the conversation where clients put one.
func (r *Request) session(o *Object) error {
	var err error
	if r.CacheKey, err = o.String("prompt_cache_key"); err != nil {
		return err
	}
	if meta, err := o.Object("metadata"); err == nil && meta != nil {
		if v, ok := meta.Raw("cache_mode"); ok && CacheOff(v.Str) {
			r.Reuse = bank.Off
		}
		for _, name := range []string{"session_id", "mtplx_session_id", "chat_id", "conversation_id"} {
			if v, ok := meta.Raw(name); ok && v.Type == gjson.String && r.Session == "" {
				r.Session = v.Str
			}
		}
	}
	for _, name := range []string{"user", "chat_id", "conversation_id"} {
		if v, ok := o.Raw(name); ok && v.Type == gjson.String && r.Session == "" {
			r.Session = v.Str
		}
	}
	return nil
}

// CacheOff tells whether a cache mode asks to be left out of the session bank.
func CacheOff(mode string) bool { return mode == "bypass" || mode == "stateless" || mode == "off" }

// TokenLimit reads the first of some names of the same limit that is there.
func TokenLimit(o *Object, least int64, names ...string) (int, error) {
	for _, name := range names {
		if v, ok := o.Raw(name); ok && v.Raw == "-1" {
			continue // "no limit" for some clients
		}
		n, err := o.Int(name, least, maxTokens)
		if err != nil {
			return 0, err
		}
		if n != nil {
			return int(*n), nil
		}
	}
	return 0, nil
}

func number(o *Object, field string, low, high float64) (float64, error) {
	f, err := o.Float(field, low, high)
	if err != nil || f == nil {
		return 0, err
	}
	return *f, nil
}

func integer(o *Object, field string, low, high int64) (*int, error) {
	n, err := o.Int(field, low, high)
	if err != nil || n == nil {
		return nil, err
	}
	return new(int(*n)), nil
}

func whole(o *Object, field string, low, high int64) (int, error) {
	n, err := integer(o, field, low, high)
	if err != nil || n == nil {
		return 0, err
	}
	return *n, nil
}

// Whole reads a whole number; absent gives 0.
func (o *Object) Whole(field string, low, high int64) (int, error) { return whole(o, field, low, high) }

// tokens reads a list of token ids.
func tokens(o *Object, field string, limit int) ([]int32, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	if !v.IsArray() {
		return nil, o.wrong(field, v, "a list of token ids")
	}
	ids, bad := TokenList(v)
	if bad != nil {
		return nil, o.wrong(field, *bad, "token ids, whole numbers from 0")
	}
	if len(ids) > limit {
		return nil, Errorf(o.name(field), "%s has %d entries; give at most %d", o.name(field), len(ids), limit)
	}
	return ids, nil
}

// TokenList reads an array of token ids, or returns the item that is none.
func TokenList(v gjson.Result) (ids []int32, bad *gjson.Result) {
	v.ForEach(func(_, item gjson.Result) bool {
		id, err := strconv.ParseInt(item.Raw, 10, 32)
		if item.Type != gjson.Number || err != nil || id < 0 {
			bad = &item
			return false
		}
		ids = append(ids, int32(id))
		return true
	})
	return ids, bad
}

// biases reads logit_bias: an object from token ids to numbers.
func biases(o *Object) ([]Bias, error) {
	v, ok := o.Raw("logit_bias")
	if !ok {
		return nil, nil
	}
	if !v.IsObject() {
		return nil, o.wrong("logit_bias", v, "an object from token ids to numbers")
	}
	var out []Bias
	var err error
	v.ForEach(func(k, item gjson.Result) bool {
		path := o.name("logit_bias")
		id, idErr := strconv.ParseInt(k.Str, 10, 32)
		switch {
		case idErr != nil || id < 0:
			err = Errorf(path, "%s has the key %s; keys are token ids", path, Quote(k.Str))
		case item.Type != gjson.Number || !(item.Num >= -100 && item.Num <= 100):
			err = Errorf(path, "%s of token %d is %s; give a number from -100 to 100", path, id, kindOf(item))
		case len(out) == MaxBiases:
			err = Errorf(path, "%s has more than %d entries", path, MaxBiases)
		default:
			out = append(out, Bias{ID: int32(id), Value: item.Num})
		}
		return err == nil
	})
	return out, err
}
