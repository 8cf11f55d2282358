package gpu

import (
	"testing"

	"mtplx/kernels"
)

// TestAttentionTiles has a device of 132 processors choose for heads of a 27B model, whose tiles win from 8 rows on.
func TestAttentionTiles(t *testing.T) {
	tiles := attnTiles{d: kernels.AttnDims{NQ: 24, NKV: 4, HeadDim: 256}, least: 8, units: 132, line: 24 * 258}
	for _, c := range []struct {
		what  string
		sh    Shape
		from  int
		apart bool
	}{
		{"one row", Shape{Rows: 1, Lanes: 1, Splits: 8}, 0, true},
		{"a lane's few rows", Shape{Rows: 8, Lanes: 1, Splits: 32}, 1, true},
		{"the same in a text's first thousand tokens", Shape{Rows: 8, Lanes: 1, Splits: leastSplits}, 0, true},
		{"more rows there", Shape{Rows: 16, Lanes: 1, Splits: leastSplits}, 1, true},
		{"two lanes' few rows", Shape{Rows: 16, Lanes: 2, Splits: 32}, 0, true},
		{"a chunk that leaves processors idle", Shape{Rows: 64, Lanes: 1, Splits: 32}, 1, true},
		{"the same far on, where scratch is short", Shape{Rows: 64, Lanes: 1, Splits: 128}, 0, false},
		{"a chunk for two processors in three", Shape{Rows: 128, Lanes: 1, Splits: 128}, 1, false},
		{"a prompt", Shape{Rows: 2048, Lanes: 1, Splits: 32}, 1, false},
		{"a prompt beside other lanes", Shape{Rows: 2048, Lanes: 8, Splits: 32}, 8, false},
		{"a crowd", Shape{Rows: 32, Lanes: 32, Splits: 32}, 0, false},
	} {
		if from, apart := tiles.from(c.sh), tiles.apart(c.sh); from != c.from || apart != c.apart {
			t.Errorf("%s: lanes from %d rows, apart %v, want %d and %v", c.what, from, apart, c.from, c.apart)
		}
	}
	tiles.least = 0
	if sh := (Shape{Rows: 2048, Lanes: 1, Splits: 32}); tiles.from(sh) != 0 || tiles.apart(sh) {
		t.Error("a device without tiles takes them")
	}
}
