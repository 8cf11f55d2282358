package gpu

import "mtplx/kernels"

// A threadgroup of src/attention_tile.metal has so many query vectors of a lane and key head.
const (
	attnTileQueries = 32 // QUERIES
	attnTileThreads = 128
	attnTileHold    = 2 // threadgroups a processor from which rows fill the device without their splits being apart
	attnTileFew     = 8 // rows that lose by tiles in the first thousand tokens: on an H100 a forward of the 4B shape by a tenth
)

// attnTiles decides which attention is by tiles of query vectors, and whose splits are computed apart.
type attnTiles struct {
	d     kernels.AttnDims
	least int // rows from which a lane is taken; 0: none is
	units int // processors
	line  int // words of scratch that a row takes a split
}

func (l *lowering) attnTiles(d kernels.AttnDims) attnTiles {
	t := attnTiles{d: d, least: l.dev.traits.Queries, units: l.dev.traits.Units, line: d.NQ * (d.HeadDim + 2)}
	if d.KV != kernels.KVPlain {
		t.least = 0
	}
	return t
}

// groups is how many threadgroups full tiles of so many rows come to.
func (t attnTiles) groups(rows int) int {
	return up(rows*(t.d.NQ/t.d.NKV), attnTileQueries) * t.d.NKV
}

// apart tells whether splits are computed side by side and merged. Few rows are; so are more where tiles have them all
// and would not fill the device.
func (t attnTiles) apart(sh Shape) bool {
	few := sh.Rows <= attnRowsMost || t.all(sh) && t.groups(sh.Rows) < attnTileHold*t.units
	return few && sh.Rows*sh.Splits*t.line <= attnScratch
}

// all tells whether tiles may have every lane.
func (t attnTiles) all(sh Shape) bool {
	return t.least > 0 && sh.Rows >= t.least && (sh.Lanes == 1 || t.least == 1)
}

// some tells whether tiles have a lane. A lone threadgroup of a processor takes long for a split, so where it goes through
// all of them and there are tiles for less than two processors in three, a threadgroup a row was faster.
func (t attnTiles) some(sh Shape) bool {
	if t.least == 0 || sh.Rows < t.least || t.short(sh) {
		return false
	}
	return t.apart(sh) && t.all(sh) || 3*t.groups(sh.Rows) >= 2*t.units
}

// short tells whether a lane has so few rows and so few tokens that a threadgroup a row was faster: a tile takes as long for a
// split however many of its queries are there.
func (t attnTiles) short(sh Shape) bool {
	return t.least > 1 && sh.Rows <= attnTileFew && sh.Splits <= leastSplits
}

// from is what the kernels are told: the rows from which a lane is a tile's; 0: none is.
func (t attnTiles) from(sh Shape) int {
	switch {
	case !t.some(sh):
		return 0
	case t.all(sh):
		return 1
	}
	return t.least
}

// count is how many tiles lanes come to at most: each may end with one that is not full.
func (t attnTiles) count(sh Shape) int {
	return up(sh.Rows*(t.d.NQ/t.d.NKV), attnTileQueries) + sh.Lanes - 1
}
