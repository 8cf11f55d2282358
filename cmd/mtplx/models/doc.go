// Package models holds the commands that fetch checkpoints from a hub, list them, remove them, and say of one whether this engine
// runs it: pull, models, remove and inspect. The work is done by packages hub and inspect below model; here are flags, sentences, the
// checks before a download, and exit codes.
package models
