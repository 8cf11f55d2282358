package kernelbench

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"mtplx/kernels"
)

var (
	flagTier    = flag.String("kernels.tier", "", "instruction set")
	flagThreads = flag.String("kernels.threads", "", "numbers of workers, with commas")
	flagBits    = flag.String("kernels.bits", "", "weight widths")
	flagRows    = flag.String("kernels.rows", "", "row counts")
	flagShapes  = flag.String("kernels.shapes", "", "outputs x inputs, with commas")
	flagMode    = flag.String("kernels.mode", "fast", "numeric mode")
	flagFull    = flag.Bool("kernels.full", false, "time at full length")
	flagBest    = flag.Bool("kernels.best", false, "take the best round in place of the median")
	flagOnly    = flag.Bool("kernels.products", false, "leave out operations beside products")
)

func ints(b *testing.B, list, separator string) []int {
	b.Helper()
	var out []int
	for s := range strings.SplitSeq(list, separator) {
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// BenchmarkReport prints the report itself: go test -bench Report ./bench/kernelbench -args
// -kernels.tier avx2.
func BenchmarkReport(b *testing.B) {
	mode, err := kernels.ParseMode(*flagMode)
	if err != nil {
		b.Fatal(err)
	}
	o := Options{
		Tier: *flagTier, Threads: ints(b, *flagThreads, ","), Bits: ints(b, *flagBits, ","), Rows: ints(b, *flagRows, ","),
		Mode: mode, Quick: !*flagFull, Best: *flagBest, ProductsOnly: *flagOnly,
	}
	for s := range strings.SplitSeq(*flagShapes, ",") {
		if d := ints(b, s, "x"); len(d) == 2 {
			o.Shapes = append(o.Shapes, [2]int(d))
		}
	}
	for b.Loop() {
		r, err := Run(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.WriteText(os.Stdout); err != nil {
			b.Fatal(err)
		}
	}
}
