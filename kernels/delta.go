package kernels

import "mtplx/sched/queue"

// DeltaDims is the geometry of the gated delta net layers of a model.
type DeltaDims struct {
	Layers int // delta layers of the model
	HK, HV int // key and value heads; value head h reads key head h/(HV/HK)
	DK, DV int // their sizes
	Tape   int // most rows a tape holds
}

// ConvTaps is the length of the causal convolution before the delta net.
const ConvTaps = 4

// ConvDim is the number of convolved channels: all q, all k, all v.
func (d DeltaDims) ConvDim() int { return 2*d.HK*d.DK + d.HV*d.DV }

// Strips is the number of 16-column strips of a head's state; the last is padded.
func (d DeltaDims) Strips() int { return (d.DV + 15) / 16 }

// StateWords is the size of one layer's state in one slot: [HV][Strips][DK][16] float32, so
// that S[r][c] of head h is word ((h*Strips + c/16)*DK + r)*16 + c%16.
func (d DeltaDims) StateWords() int { return d.HV * d.Strips() * d.DK * 16 }

// TapeK is the offset of k in the tape of one layer in one tape slot, in float32 words: raw
// [ConvTaps-1+Tape][ConvDim], the inputs of the convolution from three rows before the first tape row; then
// k [Tape][HK*DK], d [Tape][HV*Strips*16], g [Tape][HV].
func (d DeltaDims) TapeK() int { return (ConvTaps - 1 + d.Tape) * d.ConvDim() }

// TapeD is the offset of d.
func (d DeltaDims) TapeD() int { return d.TapeK() + d.Tape*d.HK*d.DK }

// TapeG is the offset of g.
func (d DeltaDims) TapeG() int { return d.TapeD() + d.Tape*d.HV*d.Strips()*16 }

// TapeWords is the size of one layer's tape, rounded to whole cache lines.
func (d DeltaDims) TapeWords() int { return (d.TapeG() + d.Tape*d.HV + 15) &^ 15 }

// StateBytes and TapeBytes are the sizes of one slot of the pools: all layers, layer-major.
func (d DeltaDims) StateBytes() int { return 4 * d.Layers * d.StateWords() }

// TapeBytes is the size of one tape slot.
func (d DeltaDims) TapeBytes() int { return 4 * d.Layers * d.TapeWords() }

// Recurrent is the pools and the layer that a delta operation works on: slot s of State starts
// at byte s*Dims.StateBytes(), layer l in it l*StateWords words further; Tapes likewise.
type Recurrent struct {
	Dims   DeltaDims
	Layer  int
	States queue.Buffer
	Tapes  queue.Buffer
}

// DeltaPrep makes the inputs of the recurrence. Of lane l with M = Count rows, C = Certain, let
// s[0..2] be rows Fold..Fold+2 of TapeIn's raw rows (zeros when Base is 0) and s[3..] the new rows,
// each the ConvDim columns of In from QKV on. For row i:
//
//	c[ch] = SiLU(fma chain over taps j = 0..3 of Conv[ch*4+j]*s[i+j][ch], from +0)
//	q^ = q*(InvSqrt(SumSquares(q)+1e-6)*DK^-0.5), k^ = k*InvSqrt(SumSquares(k)+1e-6), a head at a time
//	g = Exp(-(ExpA[h]*Softplus(a+DtBias[h]))),  beta = Sigmoid(b)
//
// with the bracketed factor, DK^-0.5 = InvSqrt(DK) and every product rounded. Out [rows][ConvDim]
// holds q^ | k^ | v, Gates [rows][2*HV] holds g then beta. Into TapeOut: raw rows s[C..C+2+Count-C],
// and k^ and g of the rows from C on.
type DeltaPrep struct {
	S *Slots
	Recurrent
	In           queue.Buffer // [rows][Stride]
	Stride       int
	QKV, A, B    int          // first columns in In
	Conv         queue.Buffer // [ConvDim][4]
	DtBias, ExpA queue.Buffer // [HV]; ExpA = Exp(A_log)
	Out, Gates   queue.Buffer
}

// Delta is the gated delta rule (Yang, Kautz, Hatamizadeh 2025) advanced token by token, for
// each value head and column c of its state S[r][c]:
//
//	fold, for tape rows n = 0..Fold-1:  S[r] = fma(k_n[r], d_n, g_n*S[r])
//	row:  u_e, u_o = fma chains over even, odd r ascending of S[r]*k[r], from +0; u = u_e+u_o
//	      d = beta*(v - g*u)                            three roundings
//	      S[r] = fma(k[r], d, g*S[r])                   g*S rounded
//	      o_e, o_o likewise over S[r]*q[r]; o = o_e+o_o
//
// The fold and the first Certain rows change the stored state; the rest work on a copy and
// leave d in TapeOut. Base 0 starts from zeros. O [rows][HV*DV].
type Delta struct {
	S *Slots
	Recurrent
	In, Gates queue.Buffer // of DeltaPrep
	O         queue.Buffer
}

// DeltaNorm is ((o*InvSqrt(mean+Eps))*Gain[c])*SiLU(z), a value head at a time, mean over its DV
// values as in Norm; z are the HV*DV columns of Z from ZCol on. The result goes to Acts of K = HV*DV.
type DeltaNorm struct {
	S       *Slots
	Dims    DeltaDims
	Eps     float32
	O       queue.Buffer
	Z       queue.Buffer // [rows][ZStride]
	ZStride int
	ZCol    int
	Gain    queue.Buffer // [DV]
	Acts    *Acts
}

// Kernel names.
func (*DeltaPrep) Kernel() string { return "delta-prep" }
func (*Delta) Kernel() string     { return "delta" }
func (*DeltaNorm) Kernel() string { return "delta-norm" }
