// Package man writes manual pages of mtplx in troff's man macros: mtplx.1, and one for each command, such as
// mtplx-bench-run.1. All of it is read from kong's model of the command line and from the texts of mtplx help, so a page cannot
// fall behind its command.
package man
