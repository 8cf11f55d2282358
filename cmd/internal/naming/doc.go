// Package naming says what the version of a build is called, so that one commit has one name however it was built: by make
// release and make build, which ask git, and by go build and go install, which stamp what they know into the program.
//
// A tagged commit is called after its tag: 1.2.3. Another one is its nearest tag's, with the commit as build metadata:
// 1.2.3+g0123456789ab; without tags 0.0.0+g0123456789ab. A tree that differs from its commit has .dirty behind that. As a part
// of the version proper, before the plus, a commit would sort before its tag.
package naming
