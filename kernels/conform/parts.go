package conform

import (
	"testing"

	"mtplx/kernels"
)

// The parts of Run, for tests that want one of them.

// Attention checks rows at every length around the borders of pages and splits, in any company,
// appended in any portions, on any pages, beside memory full of NaNs.
func Attention(t *testing.T, d kernels.Device) {
	t.Helper()
	checkAttention(In(t), d)
}

// AttentionPlain is Attention of keys and values that are not quantised, for kernels that are asked for no others.
func AttentionPlain(t *testing.T, d kernels.Device) {
	t.Helper()
	checkAttentionOf(In(t), d, attnPlain)
}

// AttnPrep checks queries, and keys and values in the pool.
func AttnPrep(t *testing.T, d kernels.Device) {
	t.Helper()
	checkAttnPrep(In(t), d)
}

// Combine checks the sum of experts with and without a shared one.
func Combine(t *testing.T, d kernels.Device) {
	t.Helper()
	checkCombine(In(t), d)
}

// Delta checks the recurrence itself, from inputs that the host wrote.
func Delta(t *testing.T, d kernels.Device) {
	t.Helper()
	checkDelta(In(t), d)
}

// DeltaNorm checks the gated norm after the recurrence.
func DeltaNorm(t *testing.T, d kernels.Device) {
	t.Helper()
	checkDeltaNorm(In(t), d)
}

// DeltaChain checks the three operations of a delta layer in one program.
func DeltaChain(t *testing.T, d kernels.Device) {
	t.Helper()
	checkDeltaChain(In(t), d)
}

// DeltaLong checks the recurrence of heads as large as real models' over short histories and prompts.
func DeltaLong(t *testing.T, d kernels.Device) {
	t.Helper()
	checkDeltaLong(In(t), d)
}

// DeltaPrep checks the inputs of the recurrence: convolution over the tape's border, unit
// vectors, gates, and what goes to the tape.
func DeltaPrep(t *testing.T, d kernels.Device) {
	t.Helper()
	checkDeltaPrep(In(t), d)
}

// Embed checks table lookups.
func Embed(t *testing.T, d kernels.Device) {
	t.Helper()
	checkEmbed(In(t), d)
}

// ExpertProduct checks products whose weight is chosen by the row.
func ExpertProduct(t *testing.T, d kernels.Device) {
	t.Helper()
	checkExpertProduct(In(t), d)
}

// HeadInput checks what the MTP head is fed.
func HeadInput(t *testing.T, d kernels.Device) {
	t.Helper()
	checkHeadInput(In(t), d)
}

// Load checks what a weight says of itself, and matrices that no device takes.
func Load(t *testing.T, d kernels.Device) {
	t.Helper()
	checkLoad(In(t), d)
}

// Memory checks buffers and copies.
func Memory(t *testing.T, d kernels.Device) {
	t.Helper()
	checkMemory(In(t), d)
}

// Norm checks root-mean-square normalisation, its row maps and both outputs.
func Norm(t *testing.T, d kernels.Device) {
	t.Helper()
	checkNorm(In(t), d)
}

// PartProduct checks products over listed blocks, and the support of rows of unequal length after them.
func PartProduct(t *testing.T, d kernels.Device) {
	t.Helper()
	checkPartProduct(In(t), d)
}

// Product checks products over widths, groups, modes, shapes, row counts, parts and extremes.
func Product(t *testing.T, d kernels.Device) {
	t.Helper()
	checkProduct(In(t), d)
}

// Quantize checks activations in every form.
func Quantize(t *testing.T, d kernels.Device) {
	t.Helper()
	checkQuantize(In(t), d)
}

// Queue checks what package queue promises of queues, events and programs.
func Queue(t *testing.T, d kernels.Device) {
	t.Helper()
	checkQueue(In(t), d)
}

// Route checks the choice of experts, ties among them included.
func Route(t *testing.T, d kernels.Device) {
	t.Helper()
	checkRoute(In(t), d)
}

// Support checks candidates and partition sums around the borders of chunks, with ties, with a
// vocabulary smaller than the stride, and with NaNs.
func Support(t *testing.T, d kernels.Device) {
	t.Helper()
	checkSupport(In(t), d)
}

// SwiGLU checks the gated unit with one and several virtual rows a row.
func SwiGLU(t *testing.T, d kernels.Device) {
	t.Helper()
	checkSwiGLU(In(t), d)
}

// Vectors runs the agreed vectors through the device's own operations.
func Vectors(t *testing.T, d kernels.Device) {
	t.Helper()
	checkVectors(In(t), d)
}
