// Package tuning finds the settings with which a model writes fastest on a machine, among those that leave its text
// alone: how deep it drafts, how wide the draft head is, how much of the vocabulary it proposes from, how many threads
// compute, and on which device.
//
// Nothing is compared across time. Every candidate stands between two runs of the default on the same prompts with the
// same seed, and counts as the logarithm of its rate over theirs, in which a machine that steadily slows down or
// speeds up cancels. Part of the budget screens candidates and names one; the rest measures that one anew, so that
// being the luckiest of many in the screening helps nobody. It wins when the median of its rounds lies above the
// default by more than the band, which the spread of the same rounds gives; see [Decide].
//
// A candidate whose text differs from the default's on the same device ends the run with an [InexactError]: such a
// text would be a fault of the engine.
//
// The package knows no engine: it drives whatever [Measure] it is given. A run belongs to one goroutine.
package tuning
