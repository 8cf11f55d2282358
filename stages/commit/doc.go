// Package commit is the last stage: it makes the outcome of a cycle part of each lane. It moves a
// length and an index, delivers the tokens, and ends a lane at a stop token inside an accepted run, at
// its budget, at a stop string, or at its error. It touches no tensor.
//
// Decoder is the usual delivery: it assembles characters, holds text back while it could still become a
// stop string, and puts it into a session's bounded buffer.
package commit
