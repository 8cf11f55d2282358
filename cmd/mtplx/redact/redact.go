package redact

import (
	"os"
	"regexp"
	"strings"
)

// hidden stands where something was taken out.
const hidden = "[redacted]"

// Redactor takes secrets and names out of text that is shown to others. It is safe for concurrent use.
type Redactor struct {
	rules []rule
}

type rule struct {
	find *regexp.Regexp
	with string
}

// secrets are texts that look like one, wherever they stand. What follows a word such as token or password is one, however it
// looks; what is left of the value's line goes too when it is quoted.
var secrets = []rule{
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(-----END [A-Z ]*PRIVATE KEY-----|\z)`), hidden},
	{regexp.MustCompile(`\b(hf|sk|pk|ghp|gho|ghs|ghr|github_pat|glpat|xox[abprs])[_-][A-Za-z0-9_-]{8,}`), hidden},
	{regexp.MustCompile(`\bAKIA[A-Z0-9]{12,}`), hidden},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?`), hidden},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}`), "$1 " + hidden},
	{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@"']*(?:@[^\s/@"']*)*@`), "${1}" + hidden + "@"},
	{regexp.MustCompile(`(?im)((?:[a-z0-9]+[._-])*[a-z0-9]*(?:token|(?:key|auth|secret|password|passwd|credential|cookie)s?)["']?\s*[:=]\s*)(\[(?s:[^\]]*)\]|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s,;}"']+[^\n,;}"']*)`), "${1}" + hidden},
	// Numbers of tokens are no secret.
	{regexp.MustCompile(`(?im)((?:[a-z0-9]+[._-])*[a-z0-9]*tokens["']?\s*[:=]\s*)(\[(?s:[^\]]*)\]|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|\d*[^\s,;}"'\d][^\n,;}"']*|\d{10,}[^\n,;}"']*)`), "${1}" + hidden},
	{regexp.MustCompile(`\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b`), hidden},
}

// shortest is the fewest characters of a name that is taken out: shorter ones are parts of words everywhere.
const shortest = 3

// New hides secrets, and the names given: a user, a host and a home directory. Empty ones hide nothing.
func New(user, host, home string) *Redactor {
	r := &Redactor{rules: append([]rule{}, secrets...)}
	if home = strings.TrimRight(home, "/"); len(home) > 1 {
		r.rules = append(r.rules, rule{regexp.MustCompile(regexp.QuoteMeta(home) + `([/\s"':,;)]|$)`), "~${1}"})
	}
	// Homes of others, and of this user under another root.
	r.rules = append(r.rules, rule{regexp.MustCompile(`/(home|Users)/[^/\s"':,;)]+`), "/${1}/" + hidden})
	short, _, _ := strings.Cut(host, ".")
	for _, name := range []string{host, short, user} {
		if len(name) >= shortest && name != "localhost" && name != "root" {
			r.rules = append(r.rules, rule{regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(name) + `([^\pL\pN]|$)`), "${1}" + hidden + "${2}"})
		}
	}
	return r
}

// Text is text without secrets and names.
func (r *Redactor) Text(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	for _, rule := range r.rules {
		// Twice: where two names share the character between them, one pass takes out only the first.
		text = rule.find.ReplaceAllString(text, rule.with)
		text = rule.find.ReplaceAllString(text, rule.with)
	}
	return text
}

// Mine hides secrets, and the names of who runs the program and of the machine; env is as os.Getenv.
func Mine(env func(string) string) *Redactor {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	user := env("USER")
	if user == "" {
		user = env("LOGNAME")
	}
	return New(user, host, home)
}
