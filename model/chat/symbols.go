package chat

import "maps"

// Jinja2 decides when it compiles a template which block a name belongs to (jinja2.idtracking). This
// file follows its rules, as they show: a name that the template sets anywhere at top level is, inside
// macros and loops, that variable and never the render's, even before it was set.

// ref says where a name's value is at run time: slot of the scope that is up scopes outwards, or, where
// up is negative, slot of the render's variables.
type ref struct{ up, slot int }

// frame is what a block with names of its own needs when it is entered.
type frame struct {
	size  int
	loads []load
}

// load sets a slot on entry: to what from holds, or to nothing.
type load struct {
	slot  int
	from  ref
	empty bool
}

type loadKind uint8

const (
	loadParam   loadKind = iota // whoever enters sets it
	loadContext                 // from the render's variables
	loadOuter                   // from the block around, which has a variable of this name
	loadNothing                 // until it is set
)

// symbols is what is known about the names of one block: a branch of an if works on a copy.
type symbols struct {
	loads  map[string]loadKind // every name that is this block's own
	stores map[string]bool
}

func (s symbols) clone() symbols {
	return symbols{maps.Clone(s.loads), maps.Clone(s.stores)}
}

// block is a frame while it is analysed.
type block struct {
	parent  *block
	symbols symbols
	slots   map[string]int
	names   []string // in slot order
	context map[string]int
}

func newBlock(parent *block) *block {
	b := &block{
		parent:  parent,
		symbols: symbols{loads: map[string]loadKind{}, stores: map[string]bool{}},
		slots:   map[string]int{},
	}
	if parent == nil {
		b.context = map[string]int{}
	} else {
		b.context = parent.context
	}
	return b
}

func (b *block) known(name string) bool {
	for ; b != nil; b = b.parent {
		if _, ok := b.symbols.loads[name]; ok {
			return true
		}
	}
	return false
}

func (b *block) define(name string, how loadKind) {
	b.symbols.loads[name] = how
	if _, ok := b.slots[name]; !ok {
		b.slots[name] = len(b.names)
		b.names = append(b.names, name)
	}
}

func (b *block) load(name string) {
	if !b.known(name) {
		b.define(name, loadContext)
	}
}

func (b *block) store(name string) {
	b.symbols.stores[name] = true
	if _, ok := b.symbols.loads[name]; ok {
		return
	}
	if b.parent.known(name) {
		b.define(name, loadOuter)
	} else {
		b.define(name, loadNothing)
	}
}

func (b *block) param(name string) {
	b.symbols.stores[name] = true
	b.define(name, loadParam)
}

// branches analyses alternatives one by one, each knowing what was known before them, and merges what
// they found: a name that only some of them set keeps, in the others, the value it has outside.
func (b *block) branches(visit ...func()) {
	before := b.symbols
	found := make([]symbols, len(visit))
	for i, v := range visit {
		b.symbols = before.clone()
		v()
		found[i] = b.symbols
	}
	b.symbols = before.clone()
	for _, s := range found {
		maps.Copy(b.symbols.loads, s.loads)
		maps.Copy(b.symbols.stores, s.stores)
	}
	for name := range b.symbols.stores {
		if before.stores[name] {
			continue
		}
		if b.parent.known(name) {
			b.symbols.loads[name] = loadOuter
		} else {
			b.symbols.loads[name] = loadContext
		}
	}
}

// find returns where a name's value is, seen from b.
func (b *block) find(name string) ref {
	up := 0
	for at := b; at != nil; at = at.parent {
		if how, ok := at.symbols.loads[name]; ok {
			if how == loadContext && !at.symbols.stores[name] {
				break
			}
			return ref{up, at.slots[name]}
		}
		up++
	}
	return b.fromContext(name)
}

func (b *block) fromContext(name string) ref {
	i, ok := b.context[name]
	if !ok {
		i = len(b.context)
		b.context[name] = i
	}
	return ref{-1, i}
}

// frame is what entering the block does, once all of it was analysed.
func (b *block) frame() *frame {
	f := &frame{size: len(b.names)}
	for slot, name := range b.names {
		switch b.symbols.loads[name] {
		case loadNothing:
			f.loads = append(f.loads, load{slot: slot, empty: true})
		case loadContext:
			if b.symbols.stores[name] {
				f.loads = append(f.loads, load{slot: slot, from: b.fromContext(name)})
			}
		case loadOuter:
			from := b.parent.find(name)
			if from.up >= 0 {
				from.up++
			}
			f.loads = append(f.loads, load{slot: slot, from: from})
		case loadParam:
		}
	}
	return f
}
