// Package bench measures generation on prompt suites: plain decoding and MTP, interleaved prompt by
// prompt in one process, so that a drifting machine hits both alike. Reports quote medians and ratios.
//
// It drives whatever Generate it is given and knows no engine; mtplx bench gives it a runtime. Suites
// live in bench/suites, recorded results in bench/baselines.
package bench
