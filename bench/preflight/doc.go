// Package preflight says whether figures measured on this machine, now, could be trusted: what else runs, whether
// clocks are free to rise, whether the machine is hot, on battery, limited or shared. It reads what Linux shows under
// /proc and /sys, through an [fs.FS] of the root, so that tests bring their own machine; what is not there is unknown,
// and never counted as good.
//
// [Check] reads twice, some time apart, and judges. It keeps nothing and may be called by several goroutines.
package preflight
