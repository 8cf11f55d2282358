package qwen

import (
	"fmt"

	"mtplx/model/weights"
)

// Checkpoint is a loaded model: matrices as views of the weights.Set it came from, which must stay
// open while they are used, and vectors in memory of its own. It is safe for concurrent reads.
//
// Every gain is ready to multiply (rms(x)*gain): 1+w where the architecture's norm is zero-centred
// and w where it is plain, whichever of the two the files store.
type Checkpoint struct {
	Config
	Embed     *weights.Matrix // [VocabSize][HiddenSize]
	Head      *weights.Matrix // [VocabSize][HiddenSize]; Embed itself when tied
	FinalNorm []float32       // [HiddenSize]
	Layer     []Layer
	MTP       *MTPHead // nil when the checkpoint has no MTP tensors
	Contract  Contract
	// Fingerprint identifies the weights: hex SHA-256 over the configuration, the name, type and
	// shape of every tensor that is used, and samples of its data.
	Fingerprint string
}

// Requantises tells whether a draft head of so many bits is another than the target's own, which 0 bits ask for.
func (ck *Checkpoint) Requantises(bits int) bool {
	return bits != 0 && (ck.Head.Bits == 0 || ck.Head.Bits > bits)
}

// Layer is a decoder layer: x += mixer(norm(x; InputNorm)), x += mlp(norm(x; PostNorm)). Exactly
// one of Attn and Delta is set, and exactly one of MLP and MoE.
type Layer struct {
	InputNorm, PostNorm []float32 // [HiddenSize]
	Attn                *Attention
	Delta               *DeltaNet
	MLP                 *MLP
	MoE                 *MoE
}

// Attention is grouped-query attention with an output gate.
type Attention struct {
	Q            *weights.Matrix // [Heads*2*HeadDim]: per head its query rows, then its gate rows
	K, V         *weights.Matrix // [KVHeads*HeadDim]
	O            *weights.Matrix // [HiddenSize][Heads*HeadDim]
	QNorm, KNorm []float32       // [HeadDim], shared by the heads
}

// DeltaNet is a gated delta net. Value head h reads key head h/(LinearValueHeads/LinearKeyHeads),
// however the files order their rows.
type DeltaNet struct {
	QKV    *weights.Matrix // [ConvWidth]: all q heads, all k heads, all v heads
	Z      *weights.Matrix // [ValueWidth]
	B, A   *weights.Matrix // [LinearValueHeads]: logits of beta, and of the decay
	Out    *weights.Matrix // [HiddenSize][ValueWidth]
	Conv   []float32       // [ConvWidth][4]; tap 3 multiplies the current token
	ALog   []float32       // [LinearValueHeads]
	DtBias []float32       // [LinearValueHeads]
	Norm   []float32       // [LinearValueDim], shared by the heads; a plain gain
}

// MLP is down(silu(gate x) * up x).
type MLP struct{ Gate, Up, Down *weights.Matrix }

// MoE is a mixture of experts with a shared one: the routed sum plus
// sigmoid(SharedGate x) * Shared(x).
type MoE struct {
	Router     *weights.Matrix // [Experts][HiddenSize]
	Experts    []MLP
	Shared     MLP
	SharedGate *weights.Matrix // [1][HiddenSize]
}

// MTPHead is the multi-token-prediction layer: FC(EmbNorm(embedding) | HidNorm(hidden)), one
// full-attention layer, Norm, then the trunk's output projection.
type MTPHead struct {
	FC               *weights.Matrix // [HiddenSize][2*HiddenSize]: columns of the embedding first
	EmbNorm, HidNorm []float32       // [HiddenSize]
	Norm             []float32       // [HiddenSize]
	Layer            Layer
	Source           string // where the tensors were found, for reports
	Shifted          bool   // whether the files store gains as 1+w
}

// Load reads a checkpoint of this family. Errors name the file, the tensor or key, the value and
// the reason; they wrap ErrUnsupported when the checkpoint is sound but of a kind that is not
// implemented. A contract that cannot be read is no error: see Contract.
func Load(set *weights.Set) (*Checkpoint, error) {
	ck, err := load(set)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", set.Name(), err)
	}
	return ck, nil
}

func load(set *weights.Set) (*Checkpoint, error) {
	data, err := set.File("config.json")
	if err != nil {
		return nil, err
	}
	ck := &Checkpoint{}
	if ck.Config, err = ParseConfig(data); err != nil {
		return nil, err
	}
	quant, err := weights.ParseQuantization(data)
	if err != nil {
		return nil, fmt.Errorf("read config.json: %w", err)
	}
	l := &loader{set: set, cfg: &ck.Config, quant: &quant, print: newFingerprint(data)}
	if err := l.findTrunk(); err != nil {
		return nil, err
	}
	l.checkLayerCount()
	l.trunk(ck)
	if l.err != nil {
		return nil, l.err
	}
	if ck.MTP, err = loadHead(l, data); err != nil {
		return nil, err
	}
	ck.Fingerprint = l.print.sum()
	ck.Contract = readContract(set)
	return ck, nil
}
