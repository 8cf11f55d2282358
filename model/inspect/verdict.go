package inspect

import (
	"errors"
	"fmt"
	"strings"

	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/model/weights"
)

// verdictContext is the context that memory is estimated for, where the model holds as much.
const verdictContext = 8192

// judge fills the report in. damage is what kept the files from being read.
func (in *inspection) judge(damage error) {
	r, c := &in.r, &in.r.Compatibility
	arch, known := Find(r.Architecture, r.ModelType, r.MTPLayers)
	c.ArchID, c.Recognized, c.Level, c.Backend = arch.ID, known, arch.Level, arch.Backend
	if arch.Notes != "" {
		c.Notes = append(c.Notes, arch.Notes)
	}
	h := in.head(arch)
	in.weigh()
	if in.contract != nil {
		c.ContractError, c.Profile, c.ContractPath = in.contract.RuntimeContractError, in.contract.Profile, r.ContractPath
		c.Contract = in.declared
	}
	switch {
	case damage != nil:
		c.Tier, c.Runtime, c.MTPSupported = Incompatible, "unsupported", "no"
		c.Message, c.Fix = damage.Error(), "download the checkpoint again, or name a folder that holds config.json and safetensors"
	case !known:
		c.Tier, c.Runtime, c.MTPSupported = Incompatible, "unsupported", "no"
		c.Message = fmt.Sprintf("the architecture %q (model_type %q) is not known", clip(r.Architecture), clip(r.ModelType))
		c.Fix = "this build runs qwen3_5, qwen3_5_moe and qwen3_next checkpoints: choose one of those"
		if r.MTPLayers == 0 {
			c.Message += ", and it declares no MTP layers"
		}
	case arch.Level == Pending:
		c.Tier, c.Runtime, c.MTPSupported = Incompatible, "recognized-backend-pending", "recognized"
		c.Message = fmt.Sprintf("%s is recognised, but this build has no forward for it", arch.ID)
		c.Fix = "this build runs qwen3_5, qwen3_5_moe and qwen3_next checkpoints: choose one of those"
	default:
		in.native(h)
	}
	c.ExitCode = c.Tier.ExitCode()
	c.CanRun = c.Tier == Verified || c.Tier == FamilyOK || c.Tier == NoMTP && c.Runtime != "invalid-mtp-tensor-layout"
	c.Supported = arch.Level == Native && c.Tier != Incompatible
	c.Force = c.Tier == ArchitectureOK
	c.Unverified = c.Tier != Verified
	if c.CanRun && c.Profile == "" {
		c.Profile = "performance-cold"
	}
	in.adapts(h)
	r.PassesGate = known && r.MTP.Passes && damage == nil
	r.MTPSupported, r.MTPArch, r.Backend, r.Profile, r.Runtime = c.MTPSupported, c.ArchID, c.Backend, c.Profile, c.Runtime
	r.ArchRecognized, r.SupportLevel, r.SupportNotes, r.UnverifiedModel = c.Recognized, c.Level, c.Notes, c.Unverified
}

// head runs the architecture's gate.
func (in *inspection) head(arch Architecture) (h head) {
	m := &in.r.MTP
	m.MetadataOnly = true
	if arch.gate == nil || in.config == nil {
		return h
	}
	names := make(map[string]bool, len(in.tensors))
	for n := range in.tensors {
		names[n] = true
	}
	h = arch.gate(in.root, in.r.MTPLayers, names)
	m.Exists, m.Count, m.Format, m.Expected = len(h.found) > 0, len(h.found), h.format, h.expected
	m.Passes, m.Missing, m.Extra = h.exact, h.missing, h.extra
	for _, n := range h.found {
		t := in.tensors[n]
		m.Tensors = append(m.Tensors, Tensor{Key: n, DType: t.DType.String(), Shape: t.Shape, Elements: int64(t.Len())})
		if m.File == "" {
			m.File = t.File
		}
	}
	return h
}

// native is the verdict for a family that the engine runs.
func (in *inspection) native(h head) {
	c := &in.r.Compatibility
	if why := in.unreadable(); why != nil {
		c.Tier, c.Runtime, c.MTPSupported, c.Message = Incompatible, "unsupported", "no", why.Error()
		c.Fix = "use the bf16 checkpoint, or one in MLX affine codes of 2, 3, 4, 5, 6 or 8 bits"
		return
	}
	switch {
	case len(h.found) == 0:
		c.Tier, c.Runtime, c.MTPSupported = NoMTP, "missing-mtp-weights", "no"
		c.Message = "there are no MTP tensors: it decodes plainly, without drafts"
		c.Fix = "choose a conversion that keeps the mtp.* tensors, or put the head beside it as mtp.safetensors"
		if in.r.MTPLayers == 0 {
			c.Runtime = "needs-grafting"
		}
		return
	case !h.runs:
		c.Tier, c.Runtime, c.MTPSupported = NoMTP, "invalid-mtp-tensor-layout", "partial"
		c.Message = "its MTP head is not whole: " + h.reason
		c.Fix = "download the checkpoint again, or choose another conversion; mtplx inspect --json lists the tensors"
		return
	}
	c.MTPSupported = "yes"
	if doubt := in.doubt(h); doubt != "" {
		c.Tier, c.Runtime = ArchitectureOK, "needs-contract"
		c.Message = doubt
		c.Fix = "to run it all the same, give --unsafe-force-unverified --yes"
		return
	}
	switch {
	case in.contract == nil:
		c.Tier, c.Runtime = FamilyOK, "native-family-gated"
		c.Message = "the family is supported and the head is whole, but nobody has recorded a check of this checkpoint (it has no mtplx_runtime.json)"
	case in.contract.RuntimeContractError != "":
		c.Tier, c.Runtime = FamilyOK, "native-family-gated"
		c.Message = "the family is supported and the head is whole, but its mtplx_runtime.json cannot be used: " + in.contract.RuntimeContractError
	default:
		c.Tier, c.Runtime = Verified, "native-contract-gated"
		c.Message = "the publisher's contract is sound and the head is whole"
	}
}

// unreadable says what in the configuration or the types of tensors the engine has no code for.
func (in *inspection) unreadable() error {
	if _, err := qwen.ParseConfig(in.config); err != nil {
		return err
	}
	if _, err := weights.ParseQuantization(in.config); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	for _, t := range in.tensors {
		if strings.Contains(t.Name, "visual") || strings.Contains(t.Name, "vision") {
			continue
		}
		if !t.DType.IsFloat() && t.DType != weights.U32 {
			return fmt.Errorf("%s: tensor %q is of type %s: %w", t.File, clip(t.Name), t.DType, weights.ErrUnsupported)
		}
		if path, ok := strings.CutSuffix(t.Name, ".scales"); ok {
			if _, affine := in.tensors[path+".biases"]; !affine {
				return fmt.Errorf("%s: %q has scales and no biases: %w: only affine quantisation is, not mxfp4, nvfp4 or mxfp8", t.File, clip(path), weights.ErrUnsupported)
			}
		}
	}
	return nil
}

// doubt says what speaks against a checkpoint that could be loaded, "" when nothing does.
func (in *inspection) doubt(h head) string {
	switch c := in.contract; {
	case !h.exact:
		return "its MTP head is quantised in a mix that no known publisher writes"
	case c == nil || c.RuntimeContractError != "":
	case c.ArchID != in.r.Compatibility.ArchID:
		return fmt.Sprintf("its contract is for %q, its tensors are of %q", clip(c.ArchID), in.r.Compatibility.ArchID)
	}
	return ""
}

// weigh estimates memory.
func (in *inspection) weigh() {
	m := &in.r.Memory
	m.Weights = in.weights
	m.Estimate = m.Weights / 100 * 107 // packed weights take 7 % more than published ones at most
	cfg, err := qwen.ParseConfig(in.config)
	if err != nil {
		return
	}
	full, linear := 0, 0
	for _, f := range cfg.FullAttention {
		if f {
			full++
		} else {
			linear++
		}
	}
	if in.r.MTP.Exists {
		full++ // the head has a layer of its own
	}
	const word = 4 // of recurrent states, and of keys and values in the widest numeric mode
	d := kernels.AttnDims{Layers: full, NKV: cfg.KVHeads, HeadDim: cfg.HeadDim}
	m.ByKV = map[string]int64{}
	for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact} {
		for kv := kernels.KVPlain; kv <= kernels.KVQ8V3; kv++ {
			d.Float32, d.KV = mode.KVFloat32(), kv
			m.ByKV[kv.Stored(mode)] = int64(d.Layers) * int64(d.PageBytes()) / kernels.PageTokens
		}
	}
	m.PerToken = m.ByKV[kernels.KVPlain.Stored(kernels.Exact)]
	m.PerSession = int64(linear) * word * int64(cfg.LinearValueHeads*cfg.LinearKeyDim*cfg.LinearValueDim+3*cfg.ConvWidth())
	m.Context = min(cfg.MaxPositions, verdictContext)
	m.Estimate += m.PerToken*int64(m.Context) + m.PerSession
}

// Refusal is why a command that runs models may not run this one, nil when it may. force is the user's word for it.
func (r *Report) Refusal(force bool) error {
	if r.Compatibility.CanRun || r.Compatibility.Force && force {
		return nil
	}
	return errors.New(r.Compatibility.Message)
}
