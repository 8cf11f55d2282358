package naming

import (
	"regexp"
	"runtime/debug"
	"strings"
)

// Digits are how many of a commit's a name holds; git describe takes it as --abbrev.
const Digits = 12

var (
	afterTag = regexp.MustCompile(`^(v.+)-\d+-g([0-9a-f]+)(-dirty)?$`)
	tagged   = regexp.MustCompile(`^(v.+?)(-dirty)?$`)
)

// FromDescription is the name of what git describe --tags --always --dirty says.
func FromDescription(text string) string {
	if m := afterTag.FindStringSubmatch(text); m != nil {
		return join(m[1], m[2], m[3] != "")
	}
	if m := tagged.FindStringSubmatch(text); m != nil {
		return join(m[1], "", m[2] != "")
	}
	commit, dirty := strings.CutSuffix(text, "-dirty")
	return join("v0.0.0", commit, dirty)
}

// Go's names of commits without a tag: vX.Y.Z-pre.0.TIME-COMMIT after a tag with a suffix, vX.Y.(Z+1)-0.TIME-COMMIT after one
// without, and v0.0.0-TIME-COMMIT where there is none.
var (
	pseudo = regexp.MustCompile(`^(v\d+\.\d+\.)(\d+)-(?:(.+\.)?0\.)?\d{14}-([0-9a-f]{12})$`)
	plain  = regexp.MustCompile(`^v\d+\.\d+\.\d+-\d{14}-`)
)

// FromBuild is the name of what the go command stamped into a program, "" where it knew nothing.
func FromBuild(info *debug.BuildInfo) string {
	version, metadata, _ := strings.Cut(info.Main.Version, "+")
	dirty := metadata == "dirty"
	switch m := pseudo.FindStringSubmatch(version); {
	case m != nil && m[3] != "":
		return join(m[1]+m[2]+"-"+strings.TrimSuffix(m[3], "."), m[4], dirty)
	case m != nil && plain.MatchString(version):
		return join(m[1]+m[2], m[4], dirty)
	case m != nil:
		return join(m[1]+before(m[2]), m[4], dirty)
	case version != "" && version != "(devel)":
		return join(version, "", dirty)
	}
	commit := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if commit == "" {
		return ""
	}
	return join("v0.0.0", commit, dirty)
}

// before is the decimal number that is one less.
func before(n string) string {
	digits := []byte(n)
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i]--; digits[i] >= '0' {
			break
		}
		digits[i] = '9'
	}
	if len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return string(digits)
}

func join(version, commit string, dirty bool) string {
	name, sep := strings.TrimPrefix(version, "v"), "+"
	if commit != "" {
		name, sep = name+sep+"g"+commit[:min(Digits, len(commit))], "."
	}
	if dirty {
		name += sep + "dirty"
	}
	return name
}
