// Package serve is a load generator for servers of OpenAI's dialect (mtplx, vLLM, llama-server): it plans requests
// (mix.go), sends them at a rate or by a number of streams (load.go, client.go, sse.go), and turns the times of
// events into figures by pure functions (metrics.go, cost.go). Times are milliseconds unless a name says otherwise.
//
// The figures are those of `vllm bench serve`: ttft is from sending to the first event that brings tokens (a first
// chunk with a role only is none); e2el from sending to the last such event; tpot is (e2el - ttft) / (tokens - 1), of
// requests with two tokens or more; itl are the gaps between events; goodput counts requests a second that keep every
// bound, where a request of one token keeps any tpot. A drafting server sends several tokens an event, so
// itl_per_token shares each gap among the tokens that ended it, where the server tells how many (return_token_ids, or
// usage in every chunk). wait is from a request's scheduled arrival to its sending, not part of any other figure. A
// request that failed is in no figure but the counts of errors. Percentiles interpolate linearly between ranks.
//
// The JSON report is one object, [Report]. Fields may be added; none changes its meaning:
//
//	server, model, endpoint, mix, seed, requests, input_tokens, output_tokens, percentiles, goodput_ms, notices
//	partial          true when the run was interrupted; its figures are of what had finished
//	runs[]           concurrency (0: no bound), request_rate (0: all at once), planned, sent, completed, failed,
//	                 cancelled, errors{kind: n}, examples{kind: text}, duration_s, request_throughput,
//	                 output_throughput, total_throughput, goodput, prompt_tokens, cached_tokens, output_tokens, events,
//	                 tokens_per_event, token_source, peak_in_flight, and the spreads ttft_ms, tpot_ms, itl_ms,
//	                 itl_per_token_ms, e2el_ms, wait_ms: {n, mean, std, min, max, p{"50": x}}
//	cost             streams, rounds, tokens, direct_tok_s, http_tok_s, time_ratio, time_ratio_min, time_ratio_max,
//	                 cost_percent, identical, added_ms: what HTTP and SSE add to the engine alone (see [Cost])
//	idle             connections, failed, rss_before_bytes, rss_after_bytes, bytes_per_connection
//
// Kinds of errors: connect, disconnect, timeout, status_NNN, stream_error (an error event), early_close (no end marker),
// malformed, no_tokens, canceled inside the server's stream are stream_error too. token_source is the poorest way in
// which a completed request's tokens were counted: usage, token_ids or events (one token an event is assumed).
//
// Nothing here knows an engine. A [Client] may be used by many goroutines; a [Reader] belongs to one.
package serve
