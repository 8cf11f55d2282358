// Package logs keeps what servers log in files below the user's directory, where mtplx doctor --bundle looks for it.
//
// A File takes at most so many bytes and so many older files beside it; the oldest is overwritten. Servers that run at once have a
// file each. Everything written went through a redactor. A File that cannot be written costs its user nothing but the log: what was
// wrong is told once, and the next line is tried again.
//
// A File is safe for concurrent use, and its caller closes it.
package logs
