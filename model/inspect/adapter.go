package inspect

import (
	"path/filepath"
	"slices"
	"strings"

	"mtplx/model/adapter"
	"mtplx/model/qwen"
)

// Adapter is what a report says of an adapter of the head.
type Adapter struct {
	File        string `json:"file"`
	Format      string `json:"format"`  // of the file: safetensors or npz
	Trainer     string `json:"trainer"` // whose names its arrays have
	Parameters  int    `json:"parameters"`
	Fingerprint string `json:"fingerprint"`
	Pairs       []Pair `json:"pairs"`
	Fits        bool   `json:"fits"`
	Why         string `json:"why"` // it does not; "" where it does
}

// Pair is one matrix that an adapter acts on.
type Pair struct {
	Module string  `json:"module"`
	In     int     `json:"in"`
	Out    int     `json:"out"`
	Rank   int     `json:"rank"`
	Scale  float64 `json:"scale"`
}

// adapts notes what adapters may act on.
func (in *inspection) adapts(h head) {
	r := &in.r
	switch {
	case r.Compatibility.Tier == Incompatible:
		r.noHead = "there is no forward for this model"
	case len(h.found) == 0:
		r.noHead = "this model has no MTP head"
	case !h.runs:
		r.noHead = "this model's MTP head is not whole"
	default:
		cfg, err := qwen.ParseConfig(in.config)
		if err != nil {
			r.noHead = err.Error()
			return
		}
		dense := cfg.Experts == 0 || slices.ContainsFunc(h.found, func(name string) bool { return strings.HasSuffix(name, "layers.0.mlp.gate_proj.weight") })
		r.head = cfg.HeadShapes(dense)
	}
}

// Add has the report say of an adapter what it is and whether it is for the model's head.
func (r *Report) Add(a *adapter.Adapter) {
	out := Adapter{
		File: a.File, Format: strings.TrimPrefix(filepath.Ext(a.File), "."), Trainer: a.Trainer,
		Parameters: a.Parameters(), Fingerprint: a.Fingerprint(), Why: r.noHead,
	}
	for i := range a.Pairs {
		p := &a.Pairs[i]
		out.Pairs = append(out.Pairs, Pair{p.Module, p.In, p.Out, p.Rank, p.Scale})
	}
	if r.head != nil {
		if err := a.Fits(r.head); err != nil {
			out.Why = err.Error()
		}
	}
	out.Fits = r.head != nil && out.Why == ""
	r.Adapters = append(r.Adapters, out)
}
