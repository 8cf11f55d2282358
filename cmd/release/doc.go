// Command release makes what a version of mtplx is given out as, into one directory:
//
//	mtplx_V_OS_ARCH.tar.gz        the program with its licence, manual pages and completions
//	mtplx_V_OS_ARCH.cdx.json      what is in the program (CycloneDX), read from the program itself
//	mtplx_V_linux_ARCH.deb, .rpm  packages
//	mtplx.rb                      a Homebrew formula
//	Containerfile                 an image made of the archives
//	SHA256SUMS                    of all of these
//
// The same sources, Go and tools give the same bytes, on any machine: times are the commit's, owners are root, orders are fixed.
// The directory appears whole or not at all: on an interrupt or a full disk the last release stays. `make release` runs it.
package main
