package qwen

import (
	"fmt"

	"mtplx/kernels"
	"mtplx/model/adapter"
	"mtplx/model/corrector"
	"mtplx/model/weights"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// Options bound what a model on a device can carry and choose its arithmetic.
type Options struct {
	Mode kernels.Mode
	// KV is how keys and values are kept.
	KV kernels.KV
	// Rows is the most rows of one forward (default 256): the largest prompt chunk.
	Rows int
	// Kept is how many rows of the trunk's output a session keeps until its head reads them, at least Rows (default 512
	// where there is a head): what a lane that decodes plainly may put off.
	Kept int
	// Lanes is the most lanes of one forward, Sessions the most states alive (both default 1).
	Lanes, Sessions int
	// Depth is the most drafts a verify may carry (default Deepest).
	Depth int
	// Logits is the most rows of logits of one forward (default Lanes*(Depth+1)).
	Logits int
	// Context is the most tokens of a session (default: the checkpoint's own limit).
	Context int
	// Pages is the number of pages in the pool (default: room for all sessions at full context, and as much
	// again with SparePages).
	Pages      int
	SparePages bool
	// DraftHeadBits requantises the vocabulary projection for drafting: 0 keeps the target's,
	// 4 and 3 are the sensible others. Drafts only: q is what was drawn from.
	DraftHeadBits int
	// DraftVocabulary is how many of the first ids the head proposes from, besides those near the ids of the
	// session's own text; 0 is all, AutoDraftVocabulary the usual choice. Ids of byte-pair vocabularies are in the order in which merges were
	// learned, so that low ids are frequent tokens. Drafts only, as above.
	DraftVocabulary int
	// Corrector mends the head's output before it is fed back to the head; nil leaves it as it is. Feedback lets
	// spans shift it besides, and the caller read it. Drafts only, as above.
	Corrector *corrector.Corrector
	Feedback  bool
	// Adapters act on the head: one on the head itself, or with Ensemble each on a head beside the bare one; see
	// NewHeads. Drafts only, as above.
	Adapters []*adapter.Adapter
	Ensemble bool
	// Follow has heads take spans whose rows are followed by others (page.Span.Follow). It saves a round trip to the host for
	// each on a device that has one to save.
	Follow bool
	// Loaded, when set, is called whenever a layer's weights are on the device: what was read of the checkpoint's
	// files so far may be forgotten. It is told how many parts of all are there; its error ends the loading.
	Loaded func(done, parts int) error
}

// AutoDraftVocabulary is a value of Options.DraftVocabulary: an eighth of the vocabulary, at least leastDraft
// tokens. With a text's own tokens that keeps some 95 % of the acceptance of the whole. It is all where that is next to
// nothing to read; see freeDraft.
const AutoDraftVocabulary = -1

const leastDraft = 4096

// freeDraft is the bytes of a vocabulary's projection that a device with memory of its own reads in less than what a draft
// takes it besides. An H100 reads the default model's 4 MB in 2 us, of some 60; the drafts stand more often (at T 0.6 on
// coding .95, .90, .83 instead of .91, .80, .71) and make 2.15 times plain decoding of 1.95.
const freeDraft = 16 << 20

// Deepest is how many drafts a verify may carry where nobody says otherwise.
const Deepest = 8

// draftBlocks is how many blocks of 16 ids near a text's own tokens the head proposes from besides.
const draftBlocks = 128

func (o *Options) defaults(dev kernels.Device, c *Config) error {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&o.Rows, 256)
	def(&o.Lanes, 1)
	def(&o.Sessions, o.Lanes)
	def(&o.Depth, Deepest)
	def(&o.Logits, o.Lanes*(o.Depth+1))
	def(&o.Context, c.MaxPositions)
	if o.Context > c.MaxPositions {
		return fmt.Errorf("open model: context %d exceeds the checkpoint's %d positions", o.Context, c.MaxPositions)
	}
	share := o.Sessions * ((o.Context+o.Depth)/page.Tokens + 1)
	if o.SparePages {
		share *= 2
	}
	def(&o.Pages, share)
	if o.DraftVocabulary < 0 && o.DraftVocabulary != AutoDraftVocabulary {
		return fmt.Errorf("open model: draft vocabulary is %d; give 0 for all tokens, or how many", o.DraftVocabulary)
	}
	o.DraftVocabulary = c.DraftVocabularyOn(dev, o.DraftVocabulary, o.DraftHeadBits)
	for _, x := range []struct {
		name string
		v    int
	}{{"rows", o.Rows}, {"lanes", o.Lanes}, {"sessions", o.Sessions}, {"logits", o.Logits}, {"context", o.Context}, {"pages", o.Pages}} {
		if x.v < 1 {
			return fmt.Errorf("open model: %s is %d and must be positive", x.name, x.v)
		}
	}
	if o.Rows < o.Lanes*(o.Depth+1) {
		o.Rows = o.Lanes * (o.Depth + 1)
	}
	if c.MTPLayers > 0 {
		def(&o.Kept, 512)
	}
	o.Kept = max(o.Kept, o.Rows)
	return nil
}

// DraftVocabulary is how many of the first ids a head proposes from when Options.DraftVocabulary is n: whole blocks, or 0 for
// all where a part saves nothing.
func (c *Config) DraftVocabulary(n int) int {
	if n == AutoDraftVocabulary {
		n = max(leastDraft, c.VocabSize/8)
	}
	n = (n + kernels.BlockOutputs - 1) / kernels.BlockOutputs * kernels.BlockOutputs
	if n+draftBlocks*kernels.BlockOutputs >= c.VocabSize {
		return 0
	}
	return n
}

// DraftVocabularyOn is DraftVocabulary on a device, for a head of so many bits (0: the target's).
func (c *Config) DraftVocabularyOn(dev kernels.Device, n, bits int) int {
	if bits == 0 {
		bits = 16
	}
	if _, confined := dev.(kernels.Confined); confined && n == AutoDraftVocabulary && c.VocabSize*c.HiddenSize/8*bits <= freeDraft {
		return 0
	}
	return c.DraftVocabulary(n)
}

// layer is one decoder layer's weights on the device; attn or delta is set, mlp or moe is set.
type layer struct {
	inGain, postGain queue.Buffer
	attn             *attention
	delta            *delta
	mlp              *mlp
	moe              *moe
}

type attention struct {
	index        int // among the layers that own keys and values
	q, k, v, o   kernels.Weight
	qGain, kGain queue.Buffer
}

type delta struct {
	index             int // among the delta layers
	qkv, z, b, a, out kernels.Weight
	conv, dt, expA    queue.Buffer
	gain              queue.Buffer
}

type mlp struct{ gate, up, down kernels.Weight }

type moe struct {
	router, sharedGate kernels.Weight
	shared             mlp
	gate, up, down     []kernels.Weight
}

// mtpHead is the multi-token-prediction layer on the device.
type mtpHead struct {
	fc               kernels.Weight
	embGain, hidGain queue.Buffer
	gain             queue.Buffer
	layer            layer
	adapted          *adapted // nil: it is the checkpoint's own
}

// Model is a checkpoint on a device: weights, the memory of its sessions, and forwards recorded
// over them. NewTrunk, NewHead and NewState are safe for concurrent use; a Forward is not.
type Model struct {
	cfg  Config
	opt  Options
	dev  kernels.Device
	up   uploader
	pool *page.Pool

	embed, lmHead, draft kernels.Weight
	finalGain            queue.Buffer
	layers               []layer
	heads                []*mtpHead // the first drafts alone, unless there is an ensemble; none without MTP tensors
	correct              *correct   // nil: the head's output is fed back as it is

	vocab  int          // entries of a row of logits that are tokens
	hidden queue.Buffer // [sessions][Kept, Rows and one for each head][hidden]
	// Windows onto rows: a window comes over whole, and a few hidden rows are many times a row of logits.
	window, rows *page.Window
	attnDims     kernels.AttnDims
	deltaDims    kernels.DeltaDims
	angles       *angles
}

// New loads a checkpoint onto a device. The checkpoint's own memory is not used afterwards.
func New(dev kernels.Device, ck *Checkpoint, opt Options) (*Model, error) {
	asked := opt.Context != 0
	if err := opt.defaults(dev, &ck.Config); err != nil {
		return nil, err
	}
	if err := checkAdapters(ck, &opt); err != nil {
		return nil, err
	}
	m := &Model{cfg: ck.Config, opt: opt, dev: dev, up: uploader{dev: dev, mode: opt.Mode}, vocab: ck.VocabSize, window: page.NewWindow(dev), rows: page.NewWindow(dev)}
	if err := m.load(ck, asked); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Model) loaded(done, parts int) error {
	if m.opt.Loaded == nil {
		return nil
	}
	return m.opt.Loaded(done, parts)
}

func (m *Model) load(ck *Checkpoint, askedContext bool) error {
	u, c := &m.up, &m.cfg
	m.embed = u.weight(ck.Embed, "embed_tokens")
	m.lmHead = m.embed
	if ck.Head != ck.Embed {
		m.lmHead = u.weight(ck.Head, "lm_head")
	}
	m.finalGain = u.floats(ck.FinalNorm, "norm")
	var attn, deltas int
	for i := range ck.Layer {
		m.layers = append(m.layers, m.loadLayer(&ck.Layer[i], fmt.Sprintf("layers.%d", i), &attn, &deltas))
		if err := m.loaded(i+1, len(ck.Layer)+1); err != nil {
			return err
		}
	}
	if h := ck.MTP; h != nil {
		m.heads = []*mtpHead{{
			fc:      u.weight(h.FC, "mtp.fc"),
			embGain: u.floats(h.EmbNorm, "mtp.pre_fc_norm_embedding"),
			hidGain: u.floats(h.HidNorm, "mtp.pre_fc_norm_hidden"),
			gain:    u.floats(h.Norm, "mtp.norm"),
			layer:   m.loadLayer(&h.Layer, "mtp.layers.0", &attn, &deltas),
		}}
		m.draft = m.lmHead
		if b := m.opt.DraftHeadBits; u.err == nil && ck.Requantises(b) {
			small, err := weights.Requantize(ck.Head, b, 64)
			if err != nil {
				return fmt.Errorf("requantise draft head to %d bits: %w", b, err)
			}
			m.draft = u.weight(small, "draft lm_head")
		}
	}
	if h := ck.MTP; h != nil && u.err == nil {
		if err := m.loadCorrect(h.Norm); err != nil {
			return err
		}
		if err := m.loadAdapters(&attn); err != nil {
			return err
		}
	}
	if err := m.loaded(len(ck.Layer)+1, len(ck.Layer)+1); err != nil {
		return err
	}
	m.hidden = u.alloc(4*c.HiddenSize*m.opt.Sessions*m.hiddenRows(), "hidden rows")
	if u.err != nil {
		return u.err
	}
	m.attnDims = kernels.AttnDims{
		Layers: attn, NQ: c.Heads, NKV: c.KVHeads, HeadDim: c.HeadDim, Rotary: c.RotaryDims / 2,
		Pages: m.opt.Pages, Float32: m.opt.Mode.KVFloat32(), KV: m.opt.KV,
	}
	m.deltaDims = kernels.DeltaDims{
		Layers: deltas, HK: c.LinearKeyHeads, HV: c.LinearValueHeads,
		DK: c.LinearKeyDim, DV: c.LinearValueDim, Tape: m.opt.Depth,
	}
	m.angles = newAngles(c.RotaryDims, c.RopeTheta)
	err := m.fit(askedContext)
	if err != nil {
		return err
	}
	m.attnDims.Pages = m.opt.Pages
	m.pool, err = page.NewPool(m.dev, page.Geometry{
		Layers: attn, Pages: m.opt.Pages, PageBytes: m.attnDims.PageBytes(),
		Sessions: m.opt.Sessions, StateBytes: m.deltaDims.StateBytes(), TapeBytes: m.deltaDims.TapeBytes(),
	})
	return err
}

func (m *Model) loadLayer(l *Layer, name string, attn, deltas *int) layer {
	u := &m.up
	out := layer{
		inGain:   u.floats(l.InputNorm, name+".input_layernorm"),
		postGain: u.floats(l.PostNorm, name+".post_attention_layernorm"),
	}
	if a := l.Attn; a != nil {
		n := name + ".self_attn."
		out.attn = &attention{
			index: *attn,
			q:     u.weight(a.Q, n+"q_proj"), k: u.weight(a.K, n+"k_proj"), v: u.weight(a.V, n+"v_proj"), o: u.weight(a.O, n+"o_proj"),
			qGain: u.floats(a.QNorm, n+"q_norm"), kGain: u.floats(a.KNorm, n+"k_norm"),
		}
		*attn++
	}
	if d := l.Delta; d != nil {
		n := name + ".linear_attn."
		expA := make([]float32, len(d.ALog))
		for i, a := range d.ALog {
			expA[i] = kernels.Exp(a)
		}
		out.delta = &delta{
			index: *deltas,
			qkv:   u.weight(d.QKV, n+"in_proj_qkv"), z: u.weight(d.Z, n+"in_proj_z"),
			b: u.weight(d.B, n+"in_proj_b"), a: u.weight(d.A, n+"in_proj_a"), out: u.weight(d.Out, n+"out_proj"),
			conv: u.floats(d.Conv, n+"conv1d"), dt: u.floats(d.DtBias, n+"dt_bias"),
			expA: u.floats(expA, n+"A_log"), gain: u.floats(d.Norm, n+"norm"),
		}
		*deltas++
	}
	if p := l.MLP; p != nil {
		out.mlp = m.loadMLP(p, name+".mlp.")
	}
	if e := l.MoE; e != nil {
		n := name + ".mlp."
		out.moe = &moe{
			router: u.weight(e.Router, n+"gate"), sharedGate: u.weight(e.SharedGate, n+"shared_expert_gate"),
			shared: *m.loadMLP(&e.Shared, n+"shared_expert."),
		}
		for i := range e.Experts {
			x := m.loadMLP(&e.Experts[i], fmt.Sprintf("%sexperts.%d.", n, i))
			out.moe.gate = append(out.moe.gate, x.gate)
			out.moe.up = append(out.moe.up, x.up)
			out.moe.down = append(out.moe.down, x.down)
		}
	}
	return out
}

func (m *Model) loadMLP(p *MLP, name string) *mlp {
	u := &m.up
	return &mlp{gate: u.weight(p.Gate, name+"gate_proj"), up: u.weight(p.Up, name+"up_proj"), down: u.weight(p.Down, name+"down_proj")}
}

// Config is the checkpoint's configuration.
func (m *Model) Config() Config { return m.cfg }

// Options are the bounds in force, defaults filled in.
func (m *Model) Options() Options { return m.opt }

// LimitVocabulary says that only the first n entries of a row of logits are tokens: published checkpoints
// pad their projection, and a padding row must never be sampled. It acts on forwards recorded after it.
func (m *Model) LimitVocabulary(n int) { m.vocab = min(max(n, 1), m.cfg.VocabSize) }

// Vocabulary is how many entries of a row of logits are tokens.
func (m *Model) Vocabulary() int { return m.vocab }

// HasHead tells whether the checkpoint has an MTP head.
func (m *Model) HasHead() bool { return len(m.heads) > 0 }

// WeightBytes is the device memory that weights take.
func (m *Model) WeightBytes() int64 { return m.up.bytes }

// Stored names the type that keys and values are kept in.
func (m *Model) Stored() string { return m.opt.KV.Stored(m.opt.Mode) }

// TokenBytes is the device memory that a token's keys and values take.
func (m *Model) TokenBytes() int { return m.attnDims.Layers * m.attnDims.PageBytes() / page.Tokens }

// Pool is the memory of the model's sessions.
func (m *Model) Pool() *page.Pool { return m.pool }

// NewState opens a session. The error wraps page.ErrFull when all are in use.
func (m *Model) NewState() (*page.State, error) { return m.pool.NewState() }

// Close releases everything; no forward or state may be used afterwards.
func (m *Model) Close() {
	if m.pool != nil {
		m.pool.Close()
	}
	m.window.Close()
	m.rows.Close()
	m.up.release()
}
