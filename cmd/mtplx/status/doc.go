// Package status is the command mtplx status: whether a server runs, and what it does.
//
// Its exit code tells scripts: 0 an mtplx answers, 5 nobody does, 7 somebody does who is no mtplx, 2 it wants another key.
package status
