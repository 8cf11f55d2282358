// Package remote asks an mtplx that runs elsewhere, on this machine or another: what it serves, what it does, what it counts.
//
// Every failure is a runtime.Failure that says which of these it is, and what to do: nobody listens (kind environment),
// somebody does who is no mtplx, or who answers what mtplx would not (integration), or the key is missing or wrong (usage).
//
// Guarantees:
//
//  1. A call ends within Flags.Timeout, answer included, and reads at most 16 MiB.
//  2. Keys go to the server that was named, and nowhere it redirects.
//  3. An answer is believed only once it has what an mtplx always says; numbers in it are checked before they are shown.
//
// A Server is safe for concurrent use. The commands of cmd/mtplx import this package.
package remote
