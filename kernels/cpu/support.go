package cpu

import (
	"fmt"
	"math"
	"slices"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() { register((*kernels.Support)(nil).Kernel(), compileSupport) }

// chunkEntries is the catalogue's chunk of a row of logits.
const chunkEntries = 4096

// stripBlock is how many entries make 16 strips of 16, see c/rows.c.
const stripBlock = 256

// support is kernels.Support in two steps: every chunk of every row for itself, then every row. The first
// keeps the greatest of each strip of 16 entries; they bound the k-th best entry from below, so that the
// second looks into few strips.
type support struct {
	*kernels.Support
	tier   tier
	logits []float32
	out    []float32
	ids    []int32
	blocks []int32 // nil: every row has Vocab entries
	chunks int     // of a row, at most
	strips int     // of a row, at most
	max, z []float32
	top    []float32 // [rows][strips]
	args   []chunkArgs
	work   []candidates
}

// candidates is a worker's scratch.
type candidates struct {
	bounds []float32
	found  []candidate
}

type candidate struct {
	logit float32
	id    int32
}

func compileSupport(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Support)
	rows := o.S.Dims.Logits
	most := o.Vocab + kernels.BlockOutputs*o.Most
	if most > o.Stride || o.Blocks == nil && o.Most != 0 {
		return nil, fmt.Errorf("%d entries and %d blocks do not fit rows of %d", o.Vocab, o.Most, o.Stride)
	}
	s := &support{
		Support: o, tier: d.tier.vectors(), logits: floats(o.Logits), out: floats(o.Out), ids: kernels.Int32s(o.Out),
		chunks: (most + chunkEntries - 1) / chunkEntries, strips: (most + stripBlock - 1) / stripBlock * 16,
		args: make([]chunkArgs, d.Threads()), work: make([]candidates, d.Threads()),
	}
	if o.Blocks != nil {
		s.blocks = kernels.Int32s(o.Blocks)[:rows*(1+o.Most)]
	}
	s.max, s.z = make([]float32, rows*s.chunks), make([]float32, rows*s.chunks)
	s.top = make([]float32, rows*s.strips)
	for i := range s.work {
		s.work[i] = candidates{make([]float32, 0, 16*s.strips), make([]candidate, 0, 16*s.strips)}
	}
	return sequence{s, (*supportRows)(s)}, nil
}

// entries is the length of a row.
func (s *support) entries(row int) int {
	if s.blocks == nil {
		return s.Vocab
	}
	return s.Vocab + kernels.BlockOutputs*int(s.blocks[row*(1+s.Most)])
}

func (s *support) run(t, n int) {
	from, to := share(s.S.Logits()*s.chunks, t, n)
	for u := from; u < to; u++ {
		row, c := u/s.chunks, u%s.chunks
		a := &s.args[t]
		lo := c * chunkEntries
		if a.n = min(chunkEntries, s.entries(row)-lo); a.n <= 0 {
			continue
		}
		a.x, a.strips = &s.logits[row*s.Stride+lo], &s.top[row*s.strips+lo/16]
		a.invT = s.S.InvT[row]
		a.run(s.tier)
		s.max[u], s.z[u] = a.max, a.z
	}
}

// supportRows is the second step.
type supportRows support

func (s *supportRows) run(t, n int) {
	from, to := share(s.S.Logits(), t, n)
	for row := from; row < to; row++ {
		at := row * kernels.SupportWords
		out, ids := s.out[at:at+kernels.SupportWords], s.ids[at:at+kernels.SupportWords]
		out[0], out[1] = s.normaliser(row)
		best := s.best(row, &s.work[t])
		ids[2] = int32(len(best))
		for i, c := range best {
			ids[4+i], out[4+kernels.SupportTop+i] = c.id, c.logit
		}
	}
}

// normaliser merges the chunks of a row.
func (s *supportRows) normaliser(row int) (m, z float32) {
	invT := s.S.InvT[row]
	for c := range ((*support)(s).entries(row) + chunkEntries - 1) / chunkEntries {
		mc, zc := s.max[row*s.chunks+c], s.z[row*s.chunks+c]
		if c == 0 {
			m, z = mc, zc
			continue
		}
		top := m
		if mc > top {
			top = mc
		}
		a, b := float32((m-top)*invT), float32((mc-top)*invT)
		z1 := float32(z * kernels.Exp(a))
		z2 := float32(zc * kernels.Exp(b))
		z = z1 + z2
		m = top
	}
	return m, z
}

// best finds the row's SupportTop best entries, in order.
func (s *supportRows) best(row int, w *candidates) []candidate {
	const k = kernels.SupportTop
	entries := (*support)(s).entries(row)
	tops := s.top[row*s.strips:][:(entries+stripBlock-1)/stripBlock*16]
	logits := s.logits[row*s.Stride:][:entries]
	// Few strips hold an entry at or above a bound: first those of a rough one, then those of the k-th greatest
	// strip, below which none of the k best can lie.
	bound := leastOfGroups(tops, k)
	w.bounds = w.bounds[:0]
	for _, m := range tops {
		if m >= bound {
			w.bounds = append(w.bounds, m)
		}
	}
	bound = lowerBound(w.bounds, k)
	found := w.found[:0]
	for i, m := range tops {
		if m < bound {
			continue
		}
		for j := i/16*stripBlock + i%16; j < min(i/16*stripBlock+stripBlock, entries); j += 16 {
			if logits[j] >= bound {
				found = append(found, candidate{logits[j], int32(j)})
			}
		}
	}
	w.found = found
	slices.SortFunc(found, func(a, b candidate) int {
		switch {
		case a.logit > b.logit:
			return -1
		case a.logit < b.logit:
			return 1
		}
		return int(a.id - b.id)
	})
	return found[:min(len(found), k)]
}

// leastOfGroups bounds the k-th greatest entry from below, for k up to SupportTop: k groups of strips have a
// greatest entry each, and k entries lie at or above the least of those. Strip i is in group i mod k, because
// neighbours in a vocabulary are alike: groups of neighbours would have very unequal maxima. -Inf where
// there are fewer strips than groups.
func leastOfGroups(tops []float32, k int) float32 {
	var groups [kernels.SupportTop]float32
	for g := range groups[:k] {
		groups[g] = float32(math.Inf(-1))
	}
	for len(tops) >= k {
		for g, x := range tops[:k] {
			if x > groups[g] {
				groups[g] = x
			}
		}
		tops = tops[k:]
	}
	for g, x := range tops {
		if x > groups[g] {
			groups[g] = x
		}
	}
	return slices.Min(groups[:k])
}

// lowerBound is the k-th greatest of x, or -Inf when there are fewer. It reorders x.
func lowerBound(x []float32, k int) float32 {
	if len(x) < k {
		return float32(math.Inf(-1)) // fewer strips than candidates: one strip may hold several of the best
	}
	lo, hi := 0, len(x)-1
	for k--; lo < hi; {
		p := x[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] > p {
				i++
			}
			for x[j] < p {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}
