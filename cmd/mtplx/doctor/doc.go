// Package doctor is the command mtplx doctor: what the machine, the installation and the engine on it are like, what is wrong
// with them, and what to do about it. mtplx report prints the same for an issue.
//
// Each check is a [Check] in one table and sees the machine only through a [Machine], whose every field a test can replace.
//
// Guarantees:
//
//  1. A check changes nothing; the one file that is written to see whether one can is removed again. One mends: what an mtplx
//     that was killed in max mode has left on is turned off, and that is told.
//  2. A check that cannot tell is skipped and says why. It is never counted as good.
//  3. What fails carries the exit code that a command would end with for the same reason, and a fix.
//  4. Nothing leaves the machine; with --deep the model hub is asked whether it answers, unless HF_HUB_OFFLINE is set.
package doctor
