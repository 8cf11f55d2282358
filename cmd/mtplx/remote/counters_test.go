package remote

import (
	"reflect"
	"strings"
	"testing"
)

const exposition = `# TYPE mtplx_generated_tokens_total counter
mtplx_generated_tokens_total{model_name="demo"} 64
# TYPE mtplx_answers_total counter
mtplx_answers_total{finished_reason="length",model_name="demo"} 1
mtplx_answers_total{finished_reason="stop",model_name="demo"} 2
# TYPE mtplx_drafted_tokens_by_depth_total counter
mtplx_drafted_tokens_by_depth_total{model_name="demo",position="1"} 8
mtplx_drafted_tokens_by_depth_total{model_name="demo",position="0"} 10
# TYPE mtplx_ready gauge
mtplx_ready 1
# TYPE mtplx_first_token_seconds histogram
mtplx_first_token_seconds_bucket{le="+Inf"} 4
mtplx_first_token_seconds_sum 2
mtplx_first_token_seconds_count 4
vllm:generation_tokens_total 64
`

func TestCounters(t *testing.T) {
	got, err := parseCounters([]byte(exposition))
	want := &Counters{Model: "demo", Ready: true, Written: 64, Answers: 3, Drafted: []float64{10, 8}, FirstTokens: Sum{4, 2}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for text, want := range map[string]string{
		"":                                "no mtplx_generated_tokens_total",
		"<html>":                          "no exposition",
		"mtplx_generated_tokens_total -1": "mtplx_generated_tokens_total at -1",
		"mtplx_generated_tokens_total 1\nmtplx_answers_total NaN":                                    "mtplx_answers_total at NaN",
		"mtplx_generated_tokens_total 1\nmtplx_drafted_tokens_by_depth_total{position=\"4096\"} 1":   `at position "4096"`,
		"mtplx_generated_tokens_total 1\nmtplx_accepted_tokens_by_depth_total{position=\"first\"} 1": `at position "first"`,
		"mtplx_generated_tokens_total 1\nmtplx_accepted_tokens_by_depth_total{position=\"0\"} +Inf":  "at +Inf",
	} {
		if _, err := parseCounters([]byte(text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzCounters(f *testing.F) {
	f.Add([]byte(exposition))
	f.Add([]byte("mtplx_generated_tokens_total{model_name=\"\x1b[31m\"} 1\nmtplx_accepted_tokens_by_depth_total{position=\"9\"} 1e308 5\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseCounters(text)
		if err != nil {
			return
		}
		if len(c.Drafted) > mostDepths || len(c.Accepted) > mostDepths || c.Written < 0 || strings.ContainsAny(c.Model, "\x1b\n\x00") {
			t.Errorf("%+v", c)
		}
	})
}
