// Package runtime joins a checkpoint, a device and an engine into something that answers prompts: what
// every command of mtplx starts from. Open does the joining; Generate runs one prompt and reports what it
// cost. It holds no policy of a command: flags, printing and exit codes are the commands' own, but errors
// say which exit code they deserve (Kind).
//
// A Runtime is safe for concurrent use. Commands of cmd/mtplx are its only callers.
package runtime
