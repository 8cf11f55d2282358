// Package corrector reads what mends the head's own output before it is fed back to the head: a fitted map from the
// head's hidden to what the trunk's would be. In a file are, by name,
//
//	scale, shift  the diagonal: h*scale + shift, either may be missing
//	A, B, mean    the residual of low rank: h + (h-mean) A B, with A [hidden][rank] and B [rank][hidden]; mean may be missing
//
// and of one file either or both. It acts where the next draft is made, never where the trunk's own hidden is read, and
// changes drafts only.
package corrector
