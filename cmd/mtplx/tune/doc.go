// Package tune is the command mtplx tune: it measures which settings make a model fastest on this machine without changing its
// text, keeps what wins, and gives it to commands that run with --profile tuned.
//
// What is kept is tune.json in the directory of mtplx: an entry for each machine, model and version of the program. It is
// replaced in one step under a lock, so that several runs at once keep each other's entries. A file that is damaged stops
// nobody but who needs what is in it; the next run sets it aside and says so.
//
// The measuring is that of package bench/tuning; this package opens models for it. A Cmd is run once.
package tune
