// Package mistake says what is wrong with a command line that kong refused, and what may have been meant: the unknown command,
// flag or value by name, and its nearest neighbours here and elsewhere in the command tree. It is for main.
package mistake
