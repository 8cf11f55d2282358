// Package profiles is the command mtplx profiles: what each profile changes and why, and which one a command takes when none
// is named.
//
// What it says is derived from the profiles of package runtime, so a profile that changes is described as it is; of profile
// tuned, from what is kept for this machine.
package profiles
