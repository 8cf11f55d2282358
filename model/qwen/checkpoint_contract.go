package qwen

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"mtplx/model/weights"
)

// Contract is what a publisher says of running the model, in mtplx_runtime.json. It is advice: a
// damaged one costs the recommendations, never the model.
type Contract struct {
	Present bool // whether the checkpoint has the file
	// RuntimeContractError says what is wrong with it, "" when nothing is. The fields that could be
	// read are set all the same.
	RuntimeContractError string

	Version, ArchID  string
	Profile          string // recommended_profile
	ModelID          string // model_id, else served_model_id, else public_model_id
	GenerationMode   string // recommended_generation_mode: "mtp", "ar", or ""
	MinEngineVersion string
	MaxDepth         int // mtp_depth_max, 0 when not given
	RecommendedDepth int // recommended_mtp_depth, 0 when not given

	Sampler, DraftSampler *Sampler   // nil when not given
	DraftHead             *DraftHead // nil when not given
}

// Sampler is a recommended sampler; a zero TopK or TopP is switched off.
type Sampler struct {
	Temperature, TopP float64
	TopK              int
}

// DraftHead is the recommended format of the vocabulary projection that drafts.
type DraftHead struct {
	Bits, Group int
	Mode        string
}

func readContract(set *weights.Set) Contract {
	data, err := set.File("mtplx_runtime.json")
	if errors.Is(err, fs.ErrNotExist) {
		return Contract{}
	}
	if err != nil {
		return Contract{Present: true, RuntimeContractError: err.Error()}
	}
	return parseContract(data)
}

// ParseContract reads an mtplx_runtime.json. What is wrong with it is in RuntimeContractError.
func ParseContract(data []byte) Contract { return parseContract(data) }

func parseContract(data []byte) Contract {
	c := Contract{Present: true}
	if err := weights.CheckJSON(data); err != nil {
		c.RuntimeContractError = err.Error()
		return c
	}
	root := gjson.ParseBytes(data)
	if !root.IsObject() {
		c.RuntimeContractError = "it is not a JSON object"
		return c
	}
	r := contractReader{root: root}
	r.text(&c.Version, "mtplx_version", true)
	r.text(&c.ArchID, "arch_id", true)
	r.text(&c.Profile, "recommended_profile", true)
	r.object("exactness_baseline")
	r.object("verified_on")
	r.whole(&c.MaxDepth, "mtp_depth_max", true)
	r.whole(&c.RecommendedDepth, "recommended_mtp_depth", false)
	r.text(&c.GenerationMode, "recommended_generation_mode", false)
	r.text(&c.MinEngineVersion, "min_engine_version", false)
	for _, key := range []string{"model_id", "served_model_id", "public_model_id"} {
		if c.ModelID == "" {
			r.text(&c.ModelID, key, false)
		}
	}
	if c.RecommendedDepth > c.MaxDepth && c.MaxDepth > 0 {
		r.say("recommended_mtp_depth %d exceeds mtp_depth_max %d", c.RecommendedDepth, c.MaxDepth)
		c.RecommendedDepth = c.MaxDepth
	}
	c.Sampler = r.sampler("sampler")
	c.DraftSampler = r.sampler("recommended_draft_sampler")
	c.DraftHead = r.draftHead("recommended_draft_lm_head")
	c.RuntimeContractError = strings.Join(r.wrong, "; ")
	return c
}

// contractReader collects what is wrong and reads on.
type contractReader struct {
	root  gjson.Result
	wrong []string
}

func (r *contractReader) say(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// get returns a value; a JSON null counts as absent.
func (r *contractReader) get(key string, required bool) (gjson.Result, bool) {
	v := r.root.Get(key)
	if !v.Exists() || v.Type == gjson.Null {
		if required {
			r.say("%s is missing", key)
		}
		return v, false
	}
	return v, true
}

func (r *contractReader) text(dst *string, key string, required bool) {
	v, ok := r.get(key, required)
	if ok && v.Type != gjson.String {
		r.say("%s is %s, not a string", key, clip(v.Raw))
	}
	if v.Type == gjson.String {
		*dst = v.Str
	}
}

func (r *contractReader) object(key string) {
	if v, ok := r.get(key, true); ok && !v.IsObject() {
		r.say("%s is %s, not an object", key, clip(v.Raw))
	}
}

func (r *contractReader) whole(dst *int, key string, required bool) {
	v, ok := r.get(key, required)
	if !ok {
		return
	}
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 1 || v.Num > 64 {
		r.say("%s is %s, not an integer from 1 to 64", key, clip(v.Raw))
		return
	}
	*dst = int(v.Num)
}

func (r *contractReader) sampler(key string) *Sampler {
	v, ok := r.get(key, false)
	if !ok {
		return nil
	}
	s := &Sampler{}
	var topK float64
	for _, x := range []struct {
		name string
		dst  *float64
		top  float64
	}{{"temperature", &s.Temperature, 100}, {"top_p", &s.TopP, 1}, {"top_k", &topK, 1 << 21}} {
		f := v.Get(x.name)
		if !f.Exists() || f.Type == gjson.Null {
			continue
		}
		if f.Type != gjson.Number || !(f.Num >= 0 && f.Num <= x.top) {
			r.say("%s.%s is %s, not a number from 0 to %g", key, x.name, clip(f.Raw), x.top)
			return nil
		}
		*x.dst = f.Num
	}
	s.TopK = int(topK)
	if !v.IsObject() || !v.Get("temperature").Exists() {
		r.say("%s has no temperature", key)
		return nil
	}
	return s
}

func (r *contractReader) draftHead(key string) *DraftHead {
	v, ok := r.get(key, false)
	if !ok {
		return nil
	}
	f, err := weights.ParseFormat(v)
	if err != nil || f.Bits == 0 {
		r.say("%s is %s: bits, group_size and mode are due", key, clip(v.Raw))
		return nil
	}
	if f.Group == 0 {
		f.Group = 64
	}
	return &DraftHead{Bits: f.Bits, Group: f.Group, Mode: f.Mode}
}

// fingerprint identifies a set of weights cheaply: small tensors whole, large ones by samples from
// their beginning, middle and end. Any training or requantisation changes some of those.
type fingerprint struct{ h hash.Hash }

const (
	wholeTensor = 4096
	sampleBytes = 64
)

func newFingerprint(config []byte) *fingerprint {
	f := &fingerprint{sha256.New()}
	f.field("config", config)
	return f
}

// field writes a name and bytes so that no two sequences of fields look alike.
func (f *fingerprint) field(name string, data []byte) {
	fmt.Fprintf(f.h, "%d %s %d ", len(name), name, len(data))
	f.h.Write(data)
}

func (f *fingerprint) add(t weights.Tensor) {
	fmt.Fprintf(f.h, "%v %v %d ", t.DType, t.Shape, len(t.Data))
	d := t.Data
	if len(d) <= wholeTensor {
		f.field(t.Name, d)
		return
	}
	mid := len(d) / 2
	f.field(t.Name, d[:sampleBytes])
	f.field("", d[mid:mid+sampleBytes])
	f.field("", d[len(d)-sampleBytes:])
}

func (f *fingerprint) sum() string { return hex.EncodeToString(f.h.Sum(nil)) }
