package command

import (
	"runtime/debug"

	"mtplx/cmd/internal/naming"
)

// linked is set by the linker, in builds of make.
var linked string

// Version is what this build is called; "dev" where neither make nor the go command knew from what it was built.
var Version = version(linked, debug.ReadBuildInfo)

func version(linked string, read func() (*debug.BuildInfo, bool)) string {
	if linked != "" {
		return linked
	}
	if info, ok := read(); ok {
		if name := naming.FromBuild(info); name != "" {
			return name
		}
	}
	return "dev"
}
