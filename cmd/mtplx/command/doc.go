// Package command holds what every command of mtplx shares: the streams it reads and writes, the flags that choose a
// model and how tokens are drawn, and how a wrong flag is refused. A command lives in a package of its own below
// cmd/mtplx, or, when it is one of the first few, beside main; main alone knows them all.
package command
