package ref

import (
	"encoding/binary"
	"math"

	"mtplx/kernels"
)

// coded is quantised keys and values.
type coded struct {
	*pool
	signs   []float32
	keys    []int8   // of one row
	scales  []uint16 // of its groups
	values  []uint8
	weights []float32 // of a split's positions
}

func newCoded(p *pool) *coded {
	hd := p.d.HeadDim
	return &coded{
		pool: p, signs: kernels.RotationSigns(hd), keys: make([]int8, hd), scales: make([]uint16, p.d.KeyGroups()),
		values: make([]uint8, hd), weights: make([]float32, kernels.SplitTokens),
	}
}

// head is head h's keys and values in the page of a position, and the position's token in it.
func (m *coded) head(s *kernels.Slots, lane, pos, h int) (keys, values []byte, t int, err error) {
	at, t, err := m.place(s, lane, pos, h)
	if err != nil {
		return nil, nil, 0, err
	}
	return m.mem[at:][:m.d.KeyBytes()], m.mem[at+m.d.KeyBytes():][:m.d.ValueBytes()], t, nil
}

func (m *coded) keep(key, value []float32, s *kernels.Slots, lane, pos, h int) error {
	keys, values, t, err := m.head(s, lane, pos, h)
	if err != nil {
		return err
	}
	kernels.QuantizeKey(m.keys, m.scales, key)
	for i, c := range m.keys {
		keys[m.d.KeyCode(t, i)] = byte(c)
	}
	for g, sc := range m.scales {
		binary.LittleEndian.PutUint16(keys[m.d.KeyScale(t, g):], sc)
	}
	scale := m.d.KV.QuantizeValue(m.values, value, m.signs)
	for i, c := range m.values {
		m.d.KV.SetValueCode(values, t, i, c)
	}
	binary.LittleEndian.PutUint32(values[m.d.ValueScales()+4*t:], math.Float32bits(scale))
	return nil
}

func (m *coded) attend(sp *Split, q []float32, s *kernels.Slots, lane, from, n, h int) error {
	for t := range n {
		keys, _, tok, err := m.head(s, lane, from+t, h)
		if err != nil {
			return err
		}
		m.weights[t] = m.score(keys, tok, q)
	}
	sp.soften(m.weights[:n])
	clear(sp.O)
	for t, p := range m.weights[:n] {
		_, values, tok, err := m.head(s, lane, from+t, h)
		if err != nil {
			return err
		}
		w := float32(p * math.Float32frombits(binary.LittleEndian.Uint32(values[m.d.ValueScales()+4*tok:])))
		for i := range sp.O {
			sp.O[i] = kernels.FMA(m.d.KV.Value(m.d.KV.ValueCode(values, tok, i)), w, sp.O[i])
		}
	}
	return nil
}

func (m *coded) score(keys []byte, t int, q []float32) (score float32) {
	for g := range m.d.KeyGroups() {
		var u float32
		for i := g * kernels.KeyGroup; i < min((g+1)*kernels.KeyGroup, len(q)); i++ {
			u = kernels.FMA(float32(int8(keys[m.d.KeyCode(t, i)])), q[i], u)
		}
		scale := kernels.FromBF16(binary.LittleEndian.Uint16(keys[m.d.KeyScale(t, g):]))
		score = kernels.FMA(u, scale, score)
	}
	return score
}

func (m *coded) restore(y []float32) { kernels.Unrotate(y, m.signs) }
