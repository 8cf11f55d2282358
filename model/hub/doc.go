// Package hub fetches checkpoints from a model hub that speaks Hugging Face's HTTP interface, keeps them in a store, and finds
// them again, there or in the cache that other tools filled.
//
// Guarantees:
//
//  1. Nothing half-downloaded is loaded. A revision is a folder that appears whole, by one rename, after every file's length and
//     hash (SHA-256 of large files, git's SHA-1 of small ones) agree with what the hub listed.
//  2. A download goes on where it stopped, also after the process was killed. Finished pieces are noted beside the file; the
//     hash at the end decides, so a note that lies costs a download and never a wrong byte.
//  3. The token goes to the hub's own origin alone, never to where it redirects.
//  4. Every wait is bounded: by attempts without progress, by a limit of silence, by the caller's context.
//  5. One process at a time downloads a model; others wait for it, and find its work done. A model in use is not removed.
//  6. What a server says is checked before it is believed: names stay inside the folder, sizes are sums without overflow,
//     answers are read up to a limit.
//
// The store, below a root:
//
//	OWNER/NAME/current              the commit that a plain OWNER/NAME means
//	OWNER/NAME/revisions/COMMIT/    one revision, complete, never changed
//	OWNER/NAME/partial/COMMIT/      one that is being downloaded
//	OWNER/NAME/used                 its time is when the model was last opened
//	.locks/                         lock files, which stay
//
// Errors that a user can act on are *Error, with what to do. A Client and a Store are safe for concurrent use.
package hub
