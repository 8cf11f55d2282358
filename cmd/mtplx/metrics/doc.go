// Package metrics is the command mtplx metrics watch: a server's figures, as long as someone looks.
//
// On a terminal they stay in place; anywhere else each sample is one JSON object on a line of its own. Rates are between two
// samples of one process; there is none in the first, nor across a restart. A server that is gone for a while is waited for.
package metrics
