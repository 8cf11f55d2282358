// Package chat is the command mtplx chat: a conversation in the terminal.
//
// On a terminal, answers stream as rendered markdown; what is finished scrolls away as ordinary output, and only the block being
// written, a status line and the input are redrawn. Ctrl-C stops an answer; twice at an empty prompt, or Ctrl-D, leaves. Enter
// sends; Alt+Enter, Shift+Enter, Ctrl-J or a backslash before Enter begin a new line; pasted text stays as it is. Lines that
// begin with a slash and a word are commands (commands.go lists them).
//
// Without a terminal at both ends, or with TERM=dumb, chat reads one question a line and writes plain answers, with an empty
// line after each; thoughts are left out.
//
// Questions are remembered in the file history of mtplx's home, which only its owner can read. The first failure of a
// conversation in lines ends it with the exit code that it deserves; on a terminal a failure is shown, and the talk goes on.
package chat
