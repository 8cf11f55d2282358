// Package cooling is max mode: the command mtplx max, and the flag --max of commands that compute. It lets the machine cool, or
// clock, as well as it can while mtplx works, and gives it back as it was.
//
// A [Control] is what can be turned up: the fans of a Mac, through the helper that a person has installed, or Linux's frequency
// governor. A [Switch] turns it up for holders (a process, or a person who said mtplx max on) and down when the last is gone.
//
// Guarantees:
//
//  1. Nothing is turned up before max-active.json in mtplx's home says so, on the disk. A process that dies at any moment leaves
//     either nothing turned up or that file; whoever finds the file with dead holders turns down: a guard that each holder has
//     beside it, every command with --max, mtplx max, doctor. A holder is dead when its process is gone, is a zombie, or is
//     another one of the same number, which its start time tells.
//  2. What a control says of itself is not believed: what was turned up or down is read back, tried again where it differs, and
//     an error in the end. The file stays until turning down was seen.
//  3. Every call of a helper ends: one that hangs is killed with its children.
//  4. Nothing is written to the system unless a person asked for it, with max or --max. Nothing is installed, and no rights are
//     granted.
//
// A Switch may be used by several goroutines and, through a lock beside the file, by several processes.
package cooling
