package qwen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"mtplx/model/weights"
)

// Where publishers put the head: files beside the trunk's, in the order they are looked for, and
// prefixes of its names, there or among the trunk's own tensors.
var (
	headFiles    = []string{"mtp.safetensors", "mtp/weights.safetensors", "model-mtp.safetensors", "model-mtp-head.safetensors"}
	headPrefixes = []string{"mtp.", "language_model.mtp.", "model.mtp.", "model.language_model.mtp."}
)

// headSite is a place with MTP tensors.
type headSite struct {
	set    *weights.Set
	prefix string
	names  []string
	source string
}

// loadHead loads the head, nil when no place has any of its tensors.
func loadHead(l *loader, config []byte) (*MTPHead, error) {
	root := gjson.ParseBytes(config)
	site, err := findHead(l.set, root)
	if err != nil {
		return nil, fmt.Errorf("find MTP head: %w", err)
	}
	if site == nil {
		return nil, nil
	}
	head, err := site.load(l, root)
	if err != nil {
		return nil, fmt.Errorf("load MTP head from %s: %w", site.source, err)
	}
	return head, nil
}

// lookup finds a key at the top of a configuration or in its text_config.
func lookup(root gjson.Result, key string) gjson.Result {
	if v := root.Get(key); v.Exists() && v.Type != gjson.Null {
		return v
	}
	if v := root.Get("text_config." + key); v.Type != gjson.Null {
		return v
	}
	return gjson.Result{}
}

func findHead(set *weights.Set, root gjson.Result) (*headSite, error) {
	if v := lookup(root, "mlx_lm_extra_tensors.mtp_file"); v.Exists() {
		if v.Type != gjson.String {
			return nil, fmt.Errorf("mlx_lm_extra_tensors.mtp_file is %s, not a string", clip(v.Raw))
		}
		side, err := set.Sidecar(v.Str)
		if err != nil {
			return nil, fmt.Errorf("mlx_lm_extra_tensors.mtp_file: %w", err)
		}
		site, err := headIn(side, v.Str)
		if err == nil && site == nil {
			err = fmt.Errorf("%s, named by mlx_lm_extra_tensors.mtp_file, has no tensor under any of %s", v.Str, strings.Join(headPrefixes, " "))
		}
		return site, err
	}
	for _, file := range headFiles {
		if !set.HasFile(file) {
			continue
		}
		side, err := set.Sidecar(file)
		if err != nil {
			return nil, err
		}
		if site, err := headIn(side, file); site != nil || err != nil {
			return site, err
		}
	}
	return headIn(set, "the trunk's files")
}

// headIn collects the MTP tensors of a set, nil when it has none.
func headIn(set *weights.Set, source string) (*headSite, error) {
	var site *headSite
	for _, p := range headPrefixes {
		var names []string
		for _, n := range set.Names() {
			if strings.HasPrefix(n, p) {
				names = append(names, n)
			}
		}
		if names == nil {
			continue
		}
		if site != nil {
			return nil, fmt.Errorf("%s has tensors %q and %q: keep one head", source, site.names[0], names[0])
		}
		site = &headSite{set: set, prefix: p, names: names, source: source}
	}
	return site, nil
}

func (s *headSite) load(trunk *loader, root gjson.Result) (*MTPHead, error) {
	quant, err := s.quantization(trunk.quant, root)
	if err != nil {
		return nil, err
	}
	// gains are read as stored, since all of them are needed to tell what that means
	l := &loader{set: s.set, cfg: trunk.cfg, quant: quant, print: trunk.print, used: map[string]bool{}}
	p, h := s.prefix, trunk.cfg.HiddenSize
	moe := trunk.cfg.Experts > 0 && !l.has(p+"layers.0.mlp.gate_proj.weight")
	head := &MTPHead{
		FC:      l.linear(p+"fc", h, 2*h),
		EmbNorm: l.gain(p+"pre_fc_norm_embedding.weight", h),
		HidNorm: l.gain(p+"pre_fc_norm_hidden.weight", h),
		Norm:    l.gain(p+"norm.weight", h),
		Layer:   l.layer(p+"layers.0.", true, moe),
		Source:  s.source,
	}
	if l.err != nil {
		return nil, l.err
	}
	for _, n := range s.names {
		if !l.used[n] {
			return nil, fmt.Errorf("tensor %q has no place in a head of %d tensors: %w", n, len(l.used), ErrUnsupported)
		}
	}
	head.Shifted, err = head.storedShifted(root)
	if err != nil {
		return nil, err
	}
	if !head.Shifted {
		for _, g := range head.gains() {
			addOne(g)
		}
	}
	return head, nil
}

// quantization is the block that holds for the head: its own declaration, or none, since shapes
// decide. The trunk's overrides by path hold in either case.
func (s *headSite) quantization(trunk *weights.Quantization, root gjson.Result) (*weights.Quantization, error) {
	q := &weights.Quantization{Overrides: map[string]*weights.Format{}}
	if v := lookup(root, "mtplx_mtp_quantization"); v.Exists() {
		if !v.IsObject() {
			return nil, fmt.Errorf("mtplx_mtp_quantization is %s, not an object", clip(v.Raw))
		}
		var err error
		if q.Default, err = weights.ParseFormat(v); err != nil {
			return nil, fmt.Errorf("mtplx_mtp_quantization: %w", err)
		}
	}
	// a mixture's router and shared gate are kept at more bits than the declaration says
	for _, gate := range []string{"gate", "shared_expert_gate"} {
		q.Overrides[s.prefix+"layers.0.mlp."+gate] = &weights.Format{}
	}
	for path, f := range trunk.Overrides {
		if strings.HasPrefix(path, s.prefix) {
			q.Overrides[path] = f
		}
	}
	return q, nil
}

// gains are all the head's zero-centred gains.
func (h *MTPHead) gains() [][]float32 {
	return [][]float32{
		h.EmbNorm, h.HidNorm, h.Norm,
		h.Layer.InputNorm, h.Layer.PostNorm, h.Layer.Attn.QNorm, h.Layer.Attn.KNorm,
	}
}

// storedShifted tells whether the stored gains are 1+w. A declaration wins when its word is known;
// words of other tools are passed over. Undeclared, the gains are raw iff both the attention gains
// and the smallest of the others look so: a raw q or k gain averages about 0.7 and a shifted one
// above 1.25 in published models, but one trained from scratch may come near, and pre_fc_norm_* may
// be far from 1 either way. All gains follow one verdict.
func (h *MTPHead) storedShifted(root gjson.Result) (bool, error) {
	for _, key := range []string{
		"mtplx_mtp_norm_encoding", "mtp_norm_encoding",
		"mtplx_mtp_quantization.norm_encoding", "mtplx_mtp_quantization.norm_weight_encoding",
	} {
		v := lookup(root, key)
		if !v.Exists() {
			continue
		}
		if v.Type != gjson.String {
			return false, fmt.Errorf("%s is %s, not a string", key, clip(v.Raw))
		}
		switch v.Str {
		case "delta", "delta_plus_one", "mlx_delta":
			return false, nil
		case "shifted":
			return true, nil
		}
	}
	attn := max(mean(h.Layer.Attn.QNorm), mean(h.Layer.Attn.KNorm))
	rest := slices.Min([]float64{mean(h.Layer.InputNorm), mean(h.Layer.PostNorm), mean(h.EmbNorm), mean(h.HidNorm)})
	return attn >= 1.25 || rest >= 0.5, nil
}

func mean(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}
