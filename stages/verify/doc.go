// Package verify is the second stage: it puts every lane's rows into one ragged forward of the
// trunk and submits it. A decoding lane brings its root and drafts, a new one a chunk of its prompt;
// they share the forward, because a row's bits do not depend on its company.
//
// The stage does not wait for the device: accept does. So the next cycle is drafted while this one
// is verified.
package verify
