// Package help prints what mtplx can do: the page of all commands, a page for each, and topics. A page after --help fits a
// screen of 24 lines and 80 columns, or the terminal if that is larger; what does not fit is listed by name, and mtplx help
// COMMAND says all of it. Narrower terminals wrap. Colour appears on terminals only and NO_COLOR removes it.
//
// Everything but examples and topics is read from kong's model of the command line, so a new command appears by itself.
// Nothing here changes the model; its functions may run concurrently for different writers.
package help
