package selftest

import (
	"fmt"
	"io"

	"mtplx/kernels/conform"
)

// Report is what a device did.
type Report struct {
	Device  string         `json:"device"`
	Tier    string         `json:"tier"`
	Units   int            `json:"units"` // processors or threads
	Pass    bool           `json:"pass"`
	Parts   []conform.Part `json:"conformance,omitempty"`
	Bits    []conform.Part `json:"bits,omitempty"`
	Speed   *Speed         `json:"speed,omitempty"`
	Seconds float64        `json:"seconds"`
}

// Speed is how fast a device is, beside plain reading in the same process.
type Speed struct {
	ReadGBs  float64   `json:"read_gbs"`
	Failure  string    `json:"failure,omitempty"`
	Products []Product `json:"products"`
	Forwards []Forward `json:"forwards,omitempty"`
}

// Product is one shape at one number of rows.
type Product struct {
	Name   string  `json:"name"`
	N      int     `json:"n"`
	K      int     `json:"k"`
	Bits   int     `json:"bits"`
	Rows   int     `json:"rows"`
	Micros float64 `json:"us"`
	OfRead float64 `json:"of_read"` // share of plain reading
	C      float64 `json:"c"`       // time over that of the first number of rows
}

// Forward is a whole forward of one session with random weights in a model's shape.
type Forward struct {
	Name       string  `json:"name"`
	Rows       int     `json:"rows"`
	Context    int     `json:"context"`
	Operations int     `json:"operations"`
	MB         float64 `json:"weight_mb"`
	Micros     float64 `json:"us"`
	OfRead     float64 `json:"of_read"`
	C          float64 `json:"c"`
}

// judge settles Pass.
func (r *Report) judge() {
	r.Pass = r.Speed == nil || r.Speed.Failure == ""
	for _, list := range [][]conform.Part{r.Parts, r.Bits} {
		for i := range list {
			r.Pass = r.Pass && list[i].Failure == ""
		}
	}
}

// WriteText prints the report for people.
func (r *Report) WriteText(w io.Writer) error {
	p := printer{w: w}
	p.line("%s (%s, %d processors)", r.Device, r.Tier, r.Units)
	p.parts("conformance", r.Parts)
	p.parts("bits", r.Bits)
	if s := r.Speed; s != nil {
		p.line("plain read %.0f GB/s", s.ReadGBs)
		if s.Failure != "" {
			p.line("  FAILED %s", s.Failure)
		}
		for i := range s.Products {
			x := &s.Products[i]
			p.line("  product %-13s %6dx%-6d %4d rows %9.1f us  %.2f of read  c %.2f", x.Name, x.N, x.K, x.Rows, x.Micros, x.OfRead, x.C)
		}
		for i := range s.Forwards {
			x := &s.Forwards[i]
			p.line("  forward %-13s %8.0f MB    %4d rows %9.0f us  %.2f of read  c %.2f", x.Name, x.MB, x.Rows, x.Micros, x.OfRead, x.C)
		}
	}
	verdict := "all passed"
	if !r.Pass {
		verdict = "FAILED"
	}
	p.line("%s in %.0f s", verdict, r.Seconds)
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) parts(what string, list []conform.Part) {
	if len(list) == 0 {
		return
	}
	passed := 0
	for i := range list {
		if list[i].Failure == "" {
			passed++
		}
	}
	p.line("%s: %d of %d", what, passed, len(list))
	for i := range list {
		if list[i].Failure != "" {
			p.line("  FAILED %s", list[i].Failure)
		}
	}
}
