// Package start is the command mtplx start: three questions to a running model.
//
// It asks which model, how it computes, and where to talk to it (in the terminal, in the browser, or as a server for other
// programs), and then runs the command that does that, which it names, so that the next time can do without it. What was chosen
// is kept in start.json of mtplx's home; the next start offers the same first. A flag or the argument answers its question
// beforehand.
//
// With --yes nothing is asked: the last choice is taken, or the defaults. Without a terminal and without --yes the command says
// so and ends with exit code 2. On a terminal that cannot draw (TERM=dumb) the questions are numbered lines.
package start
