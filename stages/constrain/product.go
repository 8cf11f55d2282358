package constrain

import (
	"encoding/binary"
	"fmt"
)

// A part is one of several conditions on the same text: it adds the automaton of its texts between two states.
// Parts call no rules.
type part func(b *builder, from, to int32)

// all takes the texts that fulfil every part: the product of their deterministic automata.
func (b *builder) all(parts []part, from, to int32, path string) {
	if len(parts) == 1 {
		parts[0](b, from, to)
		return
	}
	any8 := [256]bool{}
	for i := range any8 {
		any8[i] = true
	}
	machines := make([]*Grammar, len(parts))
	for i, p := range parts {
		tmp := newBuilder(b.json, b.most)
		r := tmp.addRule(path)
		p(tmp, tmp.rules[r].start, tmp.rules[r].end)
		if tmp.err != nil {
			b.fail(tmp.err)
			return
		}
		machines[i] = &Grammar{}
		if err := determinize(tmp, r, nil, &any8, machines[i]); err != nil {
			b.fail(err)
			return
		}
		// What leads nowhere is removed before it is multiplied.
		machines[i].prune(machines[i].live())
	}
	p := product{b: b, machines: machines, index: map[string]int32{}, to: to}
	now := make([]int32, len(parts))
	for i, m := range machines {
		now[i] = m.start
	}
	b.empty(from, p.at(now))
	for len(p.todo) > 0 && b.err == nil {
		if len(p.index) > b.most {
			b.fail(tooLarge(path, "", fmt.Sprintf("%d conditions on one string together take too many states", len(parts)), b.most,
				"simplify the patterns or lower maxLength"))
			return
		}
		now, p.todo = p.todo[len(p.todo)-1], p.todo[:len(p.todo)-1]
		p.expand(now)
	}
}

type product struct {
	b        *builder
	machines []*Grammar
	index    map[string]int32
	todo     [][]int32
	to       int32
	key      []byte
}

// at gives the state for a state of each machine.
func (p *product) at(now []int32) int32 {
	p.key = p.key[:0]
	for _, s := range now {
		p.key = binary.LittleEndian.AppendUint32(p.key, uint32(s))
	}
	if s, ok := p.index[string(p.key)]; ok {
		return s
	}
	s := p.b.state()
	p.index[string(p.key)] = s
	p.todo = append(p.todo, append([]int32(nil), now...))
	return s
}

// expand adds the edges of one state: where all machines have one.
func (p *product) expand(now []int32) {
	from := p.at(now)
	final := true
	for i, m := range p.machines {
		final = final && m.states[now[i]].final
	}
	if final {
		p.b.empty(from, p.to)
	}
	next := make([]int32, len(now))
	for c := 0; c < 256; {
		end := 255 // of the interval in which every machine stays with its edge
		ok := true
		for i, m := range p.machines {
			next[i] = -1
			st := &m.states[now[i]]
			for _, e := range m.edges[st.edge : st.edge+st.edges] {
				if c > int(e.hi) {
					continue
				}
				if c < int(e.lo) {
					end = min(end, int(e.lo)-1)
				} else {
					next[i] = e.to
					end = min(end, int(e.hi))
				}
				break
			}
			ok = ok && next[i] >= 0
		}
		if ok {
			p.b.bytes(from, byte(c), byte(end), p.at(next))
		}
		c = end + 1
	}
}
