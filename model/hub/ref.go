package hub

import (
	"regexp"
	"strings"
)

// Ref names a model on the hub, and a revision of it.
type Ref struct {
	Owner, Name string
	Revision    string // branch, tag or commit; "" is the hub's main, or what the store calls current
}

var (
	partPattern     = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?$`)
	revisionPattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,198}[A-Za-z0-9_-])?$`)
	commitPattern   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ParseRef reads OWNER/NAME or OWNER/NAME@REVISION.
func ParseRef(s string) (Ref, error) {
	name, revision, pinned := strings.Cut(s, "@")
	owner, name, ok := strings.Cut(name, "/")
	r := Ref{Owner: owner, Name: name, Revision: revision}
	switch {
	case !ok || !partPattern.MatchString(owner) || !partPattern.MatchString(name) || strings.Contains(name, "..") || strings.Contains(owner, ".."):
		return Ref{}, fail(ErrReference, "give OWNER/NAME or OWNER/NAME@REVISION, as on the hub's page", "%q is not the name of a model", clip(s))
	case pinned && (!revisionPattern.MatchString(revision) || strings.Contains(revision, "..") || strings.Contains(revision, "//")):
		return Ref{}, fail(ErrReference, "a revision is a branch, a tag or a commit", "%q is not a revision", clip(revision))
	}
	return r, nil
}

// String is OWNER/NAME, without the revision.
func (r Ref) String() string { return r.Owner + "/" + r.Name }

// Pinned is OWNER/NAME@REVISION, or OWNER/NAME.
func (r Ref) Pinned() string {
	if r.Revision == "" {
		return r.String()
	}
	return r.String() + "@" + r.Revision
}

// clip bounds what an error quotes.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
