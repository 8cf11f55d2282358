// Package issue is the command mtplx report: what an issue needs to say of the program and the machine, to paste.
//
// It is doctor's report and that of bench preflight, in Markdown, without secrets and without the names of users and hosts.
package issue
