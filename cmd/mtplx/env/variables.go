package env

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/kernels/cpu"
)

// variable is one of the environment's.
type variable struct {
	Name  string  `json:"name"`
	Set   bool    `json:"set"`
	Value *string `json:"value"` // null: not set, or secret
	About string  `json:"about,omitempty"`
}

// known are the variables that mtplx, or a library in it, reads.
var known = []struct{ name, about string }{
	{"MTPLX_HOME", "where mtplx keeps things, instead of ~/.mtplx"},
	{config.Variable, "the configuration, instead of config.toml there"},
	{"MTPLX_AUTH", "API keys of mtplx serve and of what asks it"},
	{cpu.TierVariable, "instruction set, instead of the best"},
	{cooling.HelperVariable, "fan helper of max mode, instead of thermalforge"},
	{cooling.RootVariable, "where the host's /proc and /sys lie, for what is read of heat and clocks"},
	{"MTPLX_BENCH_KEY", "API key of the server that bench serve asks"},
	{"HF_TOKEN", "the model hub's token"},
	{"HUGGING_FACE_HUB_TOKEN", "the same, where HF_TOKEN is not set"},
	{"HF_TOKEN_PATH", "a file with it"},
	{"HF_ENDPOINT", "the model hub, instead of huggingface.co"},
	{"HF_HOME", "where other tools keep models, instead of ~/.cache/huggingface"},
	{"HF_HUB_CACHE", "the same, models alone"},
	{"HF_HUB_OFFLINE", "1 asks no hub"},
	{"HTTP_PROXY", "proxy for http"},
	{"HTTPS_PROXY", "proxy for https"},
	{"NO_PROXY", "hosts without a proxy"},
	{"SSL_CERT_FILE", "certificates that are trusted, instead of the system's"},
	{"NO_COLOR", "anything leaves colours out"},
	{"TERM", "dumb draws nothing"},
	{"GOMAXPROCS", "threads that run Go at once"},
	{"GOMEMLIMIT", "memory that Go's collector aims at"},
}

// variables are those known, and whatever else is called MTPLX_ in environ, which os.Environ lists.
func variables(environ []string) []variable {
	values := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			values[name] = value
		}
	}
	var list []variable
	add := func(name, about string) {
		v := variable{Name: name, About: about}
		value, set := values[name]
		if !set && strings.HasSuffix(name, "_PROXY") { // these are read in small letters, too
			value, set = values[strings.ToLower(name)]
		}
		// What is set to nothing counts as not set, for mtplx and for the libraries.
		if v.Set = set && value != ""; v.Set && !secret(name) {
			if strings.HasSuffix(name, "_PROXY") { // one address alone, in whose password people forget to escape a slash
				value = proxyLogin.ReplaceAllString(value, "${1}***@")
			}
			value = redact(value)
			v.Value = &value
		}
		list = append(list, v)
	}
	names := map[string]bool{}
	for _, k := range known {
		names[k.name] = true
		add(k.name, k.about)
	}
	var others []string
	for name := range values {
		if strings.HasPrefix(name, "MTPLX_") && !names[name] {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		add(name, "")
	}
	return list
}

// secret tells whether a variable's value is nobody's business, by its name.
func secret(name string) bool {
	if name == "HF_TOKEN_PATH" { // a path, as it says
		return false
	}
	return slices.ContainsFunc([]string{"AUTH", "TOKEN", "KEY", "SECRET", "PASS", "CREDENTIAL"}, func(s string) bool { return strings.Contains(strings.ToUpper(name), s) })
}

// login is a name and a password in front of a host. The last @ counts: passwords hold others.
var login = regexp.MustCompile(`(^|[\s,;=]|[A-Za-z][A-Za-z0-9+.-]*://)[^\s,;/]*@`)

var proxyLogin = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)?.*@`)

// redact leaves out names and passwords of addresses.
func redact(value string) string { return login.ReplaceAllString(value, "${1}***@") }

// plain is a value on one line.
func plain(value string) string {
	if q := strconv.Quote(value); q != `"`+value+`"` {
		return q
	}
	return value
}
