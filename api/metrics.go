package api

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"mtplx/sched/bank"
	"mtplx/stages"
)

// Load is what an engine's memory looks like.
type Load struct {
	Pages, FreePages int         // of keys and values
	PageTokens       int         // tokens of a page
	Stored           string      // the type that keys and values are kept in
	TokenBytes       int         // that a token's take
	Cycles           uint64      // that the engine has run
	Bank             *bank.Stats // nil: there is no session bank
}

// aliases are names of other servers under which routers and dashboards look for the same numbers.
var aliases = map[string][]string{
	"mtplx_requests_running":               {"vllm:num_requests_running", "llamacpp:requests_processing"},
	"mtplx_requests_waiting":               {"vllm:num_requests_waiting", "llamacpp:requests_deferred"},
	"mtplx_kv_usage_ratio":                 {"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
	"mtplx_kv_info":                        {"vllm:cache_config_info"},
	"mtplx_prefix_query_tokens_total":      {"vllm:prefix_cache_queries_total"},
	"mtplx_prefix_hit_tokens_total":        {"vllm:prefix_cache_hits_total"},
	"mtplx_first_token_seconds":            {"vllm:time_to_first_token_seconds"},
	"mtplx_inter_token_seconds":            {"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"},
	"mtplx_answer_seconds":                 {"vllm:e2e_request_latency_seconds"},
	"mtplx_prompt_tokens_total":            {"vllm:prompt_tokens_total"},
	"mtplx_generated_tokens_total":         {"vllm:generation_tokens_total"},
	"mtplx_answers_total":                  {"vllm:request_success_total"},
	"mtplx_verifies_total":                 {"vllm:spec_decode_num_drafts_total"},
	"mtplx_drafted_tokens_total":           {"vllm:spec_decode_num_draft_tokens_total", "llamacpp:spec_decode_num_draft_tokens_total"},
	"mtplx_accepted_tokens_total":          {"vllm:spec_decode_num_accepted_tokens_total", "llamacpp:spec_decode_num_accepted_tokens_total"},
	"mtplx_accepted_tokens_by_depth_total": {"vllm:spec_decode_num_accepted_tokens_per_pos_total"},
}

// metrics counts what the server does.
type metrics struct {
	registry *prometheus.Registry

	requests                        *prometheus.CounterVec
	answers                         *prometheus.CounterVec
	failures                        *prometheus.CounterVec
	first, inter, whole             prometheus.Histogram
	prompt, generated               prometheus.Counter
	looked, found                   prometheus.Counter
	verifies, drafted, accepted     prometheus.Counter
	copied, copiedAccepted          prometheus.Counter
	draftedByDepth, acceptedByDepth *prometheus.CounterVec
	proposedBy, stoodBy             *prometheus.CounterVec

	totals totals
}

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	r := prometheus.WrapRegistererWith(prometheus.Labels{"model_name": s.cfg.Model.Name}, m.registry)
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		r.MustRegister(h)
		return h
	}
	gauge := func(name, help string, f func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	m.requests = vector("mtplx_http_requests_total", "Requests by route and status.", "route", "status")
	m.answers = vector("mtplx_answers_total", "Finished answers by reason.", "finished_reason")
	m.failures = vector("mtplx_unfinished_requests_total", "Requests that ended without an answer, by cause.", "cause")
	m.first = histogram("mtplx_first_token_seconds", "From a request to its first token.", prometheus.ExponentialBucketsRange(0.001, 120, 24))
	m.inter = histogram("mtplx_inter_token_seconds", "Between tokens after the first.", prometheus.ExponentialBucketsRange(0.0001, 5, 24))
	m.whole = histogram("mtplx_answer_seconds", "From a request to the end of its answer.", prometheus.ExponentialBucketsRange(0.005, 600, 24))
	m.looked = counter("mtplx_prefix_query_tokens_total", "Prompt tokens that were looked for in the session bank.")
	m.found = counter("mtplx_prefix_hit_tokens_total", "Prompt tokens that were found in the session bank.")
	m.prompt = counter("mtplx_prompt_tokens_total", "Tokens of prompts.")
	m.generated = counter("mtplx_generated_tokens_total", "Tokens written.")
	m.verifies = counter("mtplx_verifies_total", "Forwards that verified drafts.")
	m.drafted = counter("mtplx_drafted_tokens_total", "Tokens that the head proposed.")
	m.copied = counter("mtplx_copied_tokens_total", "Tokens that were proposed by copying from a session's own text.")
	m.copiedAccepted = counter("mtplx_copied_accepted_tokens_total", "Copied tokens that stand.")
	m.accepted = counter("mtplx_accepted_tokens_total", "Proposed tokens that stand.")
	m.draftedByDepth = vector("mtplx_drafted_tokens_by_depth_total", "Tokens that the head proposed, by depth from 0.", "position")
	m.acceptedByDepth = vector("mtplx_accepted_tokens_by_depth_total", "Proposed tokens that stand, by depth from 0.", "position")
	m.proposedBy = vector("mtplx_proposed_tokens_total", "Tokens that were proposed, by who proposed them.", "source")
	m.stoodBy = vector("mtplx_proposed_accepted_tokens_total", "Those of them that stand.", "source")
	gauge("mtplx_requests_running", "Answers being written.", func() float64 { n, _ := s.queue.counts(); return float64(n) })
	gauge("mtplx_requests_waiting", "Answers that wait.", func() float64 { _, n := s.queue.counts(); return float64(n) })
	gauge("mtplx_ready", "1 while new requests are welcome.", func() float64 {
		if s.Ready() {
			return 1
		}
		return 0
	})
	if load := s.cfg.Model.Load; load != nil {
		gauge("mtplx_kv_usage_ratio", "Share of pages of keys and values in use.", func() float64 {
			l := load()
			return 1 - float64(l.FreePages)/float64(max(1, l.Pages))
		})
		l := load()
		info := prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mtplx_kv_info", Help: "Shape of the memory for keys and values.",
			ConstLabels: prometheus.Labels{"block_size": itoa(l.PageTokens), "num_gpu_blocks": itoa(l.Pages), "cache_dtype": l.Stored},
		})
		info.Set(1)
		r.MustRegister(info)
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) request(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *metrics) firstToken(d time.Duration) { m.first.Observe(d.Seconds()) }

// tokens books n tokens of a chunk; timed of them came within d after tokens before them.
func (m *metrics) tokens(n, timed int, d time.Duration) {
	m.generated.Add(float64(n))
	m.totals.wrote(n)
	for range timed { // as its reader sees them: the tokens of one cycle share its time
		m.inter.Observe(d.Seconds() / float64(n))
	}
}

// finished books an answer's end.
func (m *metrics) finished(reason string) { m.answers.WithLabelValues(reason).Inc() }

// drafts books what a session drafted.
func (m *metrics) drafts(s *stages.Stats) {
	m.totals.drafts(s)
	m.verifies.Add(float64(s.Verifies))
	m.copied.Add(float64(s.Copied))
	m.copiedAccepted.Add(float64(s.CopiedAccepted))
	for i := range s.Drafted {
		m.drafted.Add(float64(s.Drafted[i]))
		m.accepted.Add(float64(s.Accepted[i]))
		m.draftedByDepth.WithLabelValues(strconv.Itoa(i)).Add(float64(s.Drafted[i]))
		m.acceptedByDepth.WithLabelValues(strconv.Itoa(i)).Add(float64(s.Accepted[i]))
	}
	for i, n := range s.BySource.Proposed {
		if n > 0 { // a source that nobody has asked for is not shown
			from := stages.Source(i).String()
			m.proposedBy.WithLabelValues(from).Add(float64(n))
			m.stoodBy.WithLabelValues(from).Add(float64(s.BySource.Accepted[i]))
		}
	}
}

// done books a request's end.
func (m *metrics) done(j *job, err error) {
	m.prompt.Add(float64(j.usage.Prompt))
	m.looked.Add(float64(j.usage.Prompt))
	m.found.Add(float64(j.usage.Cached))
	m.totals.done(j.usage.Prompt, j.usage.Cached, err != nil)
	if err != nil {
		m.failures.WithLabelValues(causeOf(err)).Inc()
		return
	}
	m.whole.Observe(j.usage.Elapsed.Seconds())
}

// write renders everything in Prometheus' text format, aliases included.
func (m *metrics) write() ([]byte, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	for _, f := range families {
		for _, name := range aliases[f.GetName()] {
			families = append(families, &dto.MetricFamily{Name: new(name), Help: f.Help, Type: f.Type, Metric: f.Metric})
		}
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	var b bytes.Buffer
	e := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := e.Encode(f); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// exposition is GET /metrics.
func (s *Server) exposition(c *call) error {
	text, err := s.metrics.write()
	if err != nil {
		return err
	}
	c.SetContentType("text/plain; version=0.0.4; charset=utf-8")
	c.SetBody(text)
	c.compress()
	return nil
}
