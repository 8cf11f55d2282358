package gpu

// mostGraphs bounds how many shapes a program keeps launches of. What lanes, rows, logits and splits combine to has no
// bound worth the name, and a graph takes memory of the device.
const mostGraphs = 64

// bank keeps a program's graphs by shape. The shape that was not run for longest gives way to a new one.
type bank struct {
	entries map[shapes]*entry
	runs    uint64 // of the program
}

// entry is a graph, and how it has been run.
type entry struct {
	graph Graph
	runs  int
	last  uint64 // the bank's run that it was in
	made  bool   // or being made into what is replayed, if it can be
}

// find is the entry of a shape that is about to run, or nil.
func (b *bank) find(key shapes) *entry {
	b.runs++
	e := b.entries[key]
	if e != nil {
		e.runs++
		e.last = b.runs
	}
	return e
}

// add keeps a graph that is about to run, in the place of another where there are many.
func (b *bank) add(key shapes, g Graph) *entry {
	if len(b.entries) >= mostGraphs {
		b.evict()
	}
	if b.entries == nil {
		b.entries = map[shapes]*entry{}
	}
	e := &entry{graph: g, runs: 1, last: b.runs}
	b.entries[key] = e
	return e
}

func (b *bank) evict() {
	var oldest shapes
	var least *entry
	for key, e := range b.entries {
		if least == nil || e.last < least.last {
			oldest, least = key, e
		}
	}
	least.graph.Release()
	delete(b.entries, oldest)
}

func (b *bank) release() {
	for _, e := range b.entries {
		e.graph.Release()
	}
	b.entries = nil
}

// ripen has a graph that is about to run made into what is replayed once the shape has come again often enough, or at once. It
// tells whether that is now.
func (e *entry) ripen(direct int, atOnce bool) bool {
	if e.made || e.runs <= direct && !atOnce {
		return false
	}
	e.made = true
	i, ok := e.graph.(Instantiable)
	if ok {
		i.Instantiate(atOnce)
	}
	return ok
}
