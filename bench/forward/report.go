package forward

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report is what `bench forward --json` prints.
type Report struct {
	Model    string   `json:"model"`
	Tier     string   `json:"tier"`
	Mode     string   `json:"mode"`
	Context  int      `json:"context"`
	Forwards []Figure `json:"forwards"`
}

// Figure is a forward of some rows of each of some sessions.
type Figure struct {
	Threads int `json:"threads"`
	// KV is the type that keys and values are kept in, TokenBytes what a token's take.
	KV         string  `json:"kv"`
	TokenBytes int     `json:"kv_bytes_per_token"`
	Lanes      int     `json:"lanes"`
	Rows       int     `json:"rows"`
	Micros     float64 `json:"us"` // median
	Bytes      int64   `json:"bytes"`
	GBs        float64 `json:"gbs"`
	// ReadGBs is the read loop's speed over as many bytes, in turn with the forwards.
	ReadGBs float64 `json:"read_gbs"`
	OfRead  float64 `json:"of_read"`
	// C is the time over that of one row of one session.
	C          float64     `json:"c"`
	Operations []Operation `json:"operations"`
}

// Operation is all operations of a kind in one forward; Micros is a worker's, on average.
type Operation struct {
	Name   string  `json:"name"`
	Micros float64 `json:"us"`
	Share  float64 `json:"share"` // of the forward
	Bytes  int64   `json:"bytes,omitempty"`
	GBs    float64 `json:"gbs,omitempty"`
}

// WriteText prints the report as tables for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s, tier %s, mode %s, context %d\n\nthreads\tkv\tlanes\trows\tus\tMB\tGB/s\tread GB/s\tof read\tc\t\n", r.Model, r.Tier, r.Mode, r.Context)
	for i := range r.Forwards {
		f := &r.Forwards[i]
		fmt.Fprintf(t, "%d\t%s\t%d\t%d\t%.0f\t%.1f\t%.1f\t%.1f\t%.0f%%\t%.2f\t\n", f.Threads, f.KV, f.Lanes, f.Rows, f.Micros, float64(f.Bytes)/1e6, f.GBs, f.ReadGBs, 100*f.OfRead, f.C)
	}
	for i := range r.Forwards {
		f := &r.Forwards[i]
		fmt.Fprintf(t, "\n%d threads, %d rows%s, %s\tus\tshare\tGB/s\tof read\t\n", f.Threads, f.Rows, of(f.Lanes), f.KV)
		for _, o := range f.Operations {
			fmt.Fprintf(t, "%s\t%.1f\t%.1f%%\t", o.Name, o.Micros, 100*o.Share)
			if o.GBs > 0 {
				fmt.Fprintf(t, "%.1f\t%.0f%%\t\n", o.GBs, 100*o.GBs/f.ReadGBs)
			} else {
				fmt.Fprint(t, "\t\t\n")
			}
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write forward report: %w", err)
	}
	return nil
}

// of names the sessions where there are several.
func of(lanes int) string {
	if lanes == 1 {
		return ""
	}
	return fmt.Sprintf(" of %d lanes", lanes)
}
