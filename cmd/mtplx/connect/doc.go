// Package connect knows what clients need to talk to an mtplx: variables, settings files, a container. It is the commands mtplx
// connect and mtplx openwebui, and mtplx quickstart prints from it.
//
// Guarantees:
//
//  1. API keys are neither printed nor written. MTPLX_AUTH stands for one, and clients read it when they run.
//  2. A settings file changes only in what mtplx sets, and only if the result is proved to say so; otherwise nothing is written.
//     What it was is kept beside it. It appears whole, by one rename, where symbolic links lead.
//  3. What is printed for a shell can be given to eval.
package connect
