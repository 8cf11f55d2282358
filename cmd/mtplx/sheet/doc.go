// Package sheet prints facts for a person: a label, and what there is to say.
//
// On a terminal labels are faint and long facts wrap below their beginning, or below their labels where that is narrow. Anywhere
// else each fact is one line, so that other programs can take it apart; what programs should read is a command's --json.
package sheet
