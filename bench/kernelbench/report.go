package kernelbench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Report is what `bench kernels --json` prints.
type Report struct {
	Tier     string   `json:"tier"`
	Ceilings Ceilings `json:"ceilings"`
	Kernels  []Figure `json:"kernels"`
}

// Ceilings are what the machine can do at most, by number of threads.
type Ceilings struct {
	// Read is the read loop's speed out of cache, in 10^9 bytes a second.
	Read map[int]float64 `json:"read_gbs_by_threads"`
	// Int is the tier's integer multiply-add on registers, in 10^12 a second.
	Int map[int]float64 `json:"int_tmacs_by_threads"`
}

// Figure is one operation's speed.
type Figure struct {
	Name    string `json:"name"`
	Tier    string `json:"tier"`
	Bits    int    `json:"bits"` // of the weights; 0 for bfloat16 ones and for other operations
	Mode    string `json:"mode"`
	KV      string `json:"kv,omitempty"` // how attention's keys and values are kept
	Rows    int    `json:"rows"`
	Shape   [2]int `json:"shape"` // outputs and inputs of a product; what else says text.go
	Threads int    `json:"threads"`
	// OutOfCache tells whether the bytes come from memory.
	OutOfCache bool    `json:"out_of_cache"`
	Micros     float64 `json:"us"`
	// GBs is the bytes that the operation must move over its time.
	GBs float64 `json:"gbs"`
	// OfRead is the time of the read loop over the same bytes, in turn with the operation, over
	// the operation's time; 0 where an operation moves nothing to speak of.
	OfRead float64 `json:"of_read"`
	// C is the time over that of one row.
	C float64 `json:"c"`
}

// TMACs is a product's speed in 10^12 multiply-adds a second.
func (f *Figure) TMACs() float64 {
	return float64(f.Shape[0]) * float64(f.Shape[1]) * float64(f.Rows) / f.Micros / 1e6
}

// WriteText prints the report as tables for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "tier %s\n\nthreads\tread GB/s\tinteger TMAC/s\t\n", r.Tier)
	for _, n := range sortedKeys(r.Ceilings.Read) {
		fmt.Fprintf(t, "%d\t%.1f\t%.3f\t\n", n, r.Ceilings.Read[n], r.Ceilings.Int[n])
	}
	fmt.Fprint(t, "\nkernel\tbits\tmode\tkv\tshape\tthreads\trows\tus\tGB/s\tof read\tc\tTMAC/s\tof peak\t\n")
	for i := range r.Kernels {
		f := &r.Kernels[i]
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%dx%d\t%d\t%d\t%.1f\t%s\t%s\t%.2f\t", f.Name, f.Bits, f.Mode, f.KV, f.Shape[0], f.Shape[1], f.Threads, f.Rows,
			f.Micros, positive("%.1f", f.GBs), positive("%.0f%%", 100*f.OfRead), f.C)
		if f.Name == product {
			fmt.Fprintf(t, "%.3f\t%.0f%%", f.TMACs(), 100*f.TMACs()/r.Ceilings.Int[f.Threads])
		} else {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, "\t\n")
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write kernel report: %w", err)
	}
	return nil
}

func positive(format string, v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func sortedKeys(m map[int]float64) []int { return slices.Sorted(maps.Keys(m)) }
