package remote

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Counters are what a server counts, from its exposition for Prometheus. What it does not count is 0.
type Counters struct {
	Model            string
	Ready            bool
	Running, Waiting float64
	Usage            float64 // share of the memory for keys and values
	Written, Prompt  float64 // tokens
	Cached           float64 // tokens of prompts from the session bank
	Answers, Failed  float64
	Drafted          []float64 // by depth
	Accepted         []float64
	FirstTokens      Sum // seconds from a request to its first token
	Resident         float64
	Started          float64 // seconds since 1970; another one is another process
}

// Sum is so many values that make so much.
type Sum struct{ Count, Total float64 }

// Counters asks what the server has counted.
func (s *Server) Counters(ctx context.Context) (*Counters, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	c, err := parseCounters(body)
	if err != nil {
		return nil, s.foreign("answers GET /metrics with " + Clean(err.Error()))
	}
	return c, nil
}

// parseCounters reads an exposition. Numbers that no counter has are errors.
func parseCounters(text []byte) (*Counters, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("what is no exposition (%w)", err)
	}
	written := families["mtplx_generated_tokens_total"]
	if written == nil || len(written.GetMetric()) == 0 {
		return nil, fmt.Errorf("no mtplx_generated_tokens_total")
	}
	var c Counters
	for _, l := range written.GetMetric()[0].GetLabel() {
		if l.GetName() == "model_name" {
			c.Model = Clean(l.GetValue())
		}
	}
	var bad error
	number := func(name string, v float64) float64 {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			bad = fmt.Errorf("%s at %v", name, v)
			return 0
		}
		return v
	}
	sum := func(name string) (total float64) {
		for _, m := range families[name].GetMetric() {
			total += value(m)
		}
		return number(name, total)
	}
	byDepth := func(name string) []float64 {
		var list []float64
		for _, m := range families[name].GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() != "position" {
					continue
				}
				i, err := strconv.Atoi(l.GetValue())
				if err != nil || i < 0 || i >= mostDepths {
					bad = fmt.Errorf("%s at position %q", name, l.GetValue())
					return nil
				}
				for len(list) <= i {
					list = append(list, 0)
				}
				list[i] = number(name, value(m))
			}
		}
		return list
	}
	c.Ready = sum("mtplx_ready") > 0
	c.Running, c.Waiting, c.Usage = sum("mtplx_requests_running"), sum("mtplx_requests_waiting"), sum("mtplx_kv_usage_ratio")
	c.Written, c.Prompt, c.Cached = sum("mtplx_generated_tokens_total"), sum("mtplx_prompt_tokens_total"), sum("mtplx_prefix_hit_tokens_total")
	c.Answers, c.Failed = sum("mtplx_answers_total"), sum("mtplx_unfinished_requests_total")
	c.Drafted, c.Accepted = byDepth("mtplx_drafted_tokens_by_depth_total"), byDepth("mtplx_accepted_tokens_by_depth_total")
	for _, m := range families["mtplx_first_token_seconds"].GetMetric() {
		h := m.GetHistogram()
		c.FirstTokens.Count += float64(h.GetSampleCount())
		c.FirstTokens.Total += number("mtplx_first_token_seconds", h.GetSampleSum())
	}
	c.Resident, c.Started = sum("process_resident_memory_bytes"), sum("process_start_time_seconds")
	if bad != nil {
		return nil, bad
	}
	return &c, nil
}

// value is a counter's or a gauge's.
func value(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
}
