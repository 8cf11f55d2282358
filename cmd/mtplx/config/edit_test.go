package config

import (
	"reflect"
	"strings"
	"testing"
)

const sample = `# my machine
model = "/models/a"   # the small one

# how many
threads = 2
stop = [
  "one", # first
  "two",
] # both

# the server
[serve]
port = 9000 # not 8000
name.with = "dots"

[bench.run]
depth = "#3"
`

func TestSetKeepsTheRest(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		from  string // what changes in sample
		to    string
	}{
		{"threads", int64(4), "threads = 2\n", "threads = 4\n"},
		{"model", `/m "b"`, `model = "/models/a"   # the small one`, `model = "/m \"b\""  # the small one`},
		{"serve.port", int64(1), "port = 9000 # not 8000", "port = 1  # not 8000"},
		{"stop", "x", "stop = [\n  \"one\", # first\n  \"two\",\n] # both\n", "stop = \"x\"  # both\n"},
		{"bench.run.depth", "auto", `depth = "#3"`, `depth = "auto"`},
		{"seed", int64(7), "] # both\n", "] # both\nseed = 7\n"},
		{"serve.host", "::1", "# not 8000\n", "# not 8000\nhost = \"::1\"\n"},
		{"qa.golden.json", true, "depth = \"#3\"\n", "depth = \"#3\"\n\n[qa.golden]\njson = true\n"},
		{"bench.json", true, "depth = \"#3\"\n", "depth = \"#3\"\n\n[bench]\njson = true\n"},
	} {
		got, err := set([]byte(sample), strings.Split(c.key, "."), c.value)
		if err != nil {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		if !strings.Contains(sample, c.from) {
			t.Fatalf("%q is not in the sample", c.from)
		}
		if want := strings.Replace(sample, c.from, c.to, 1); string(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.key, got, want)
		}
		doc, err := parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if e := doc.find(strings.Split(c.key, ".")); e == nil || !reflect.DeepEqual(e.value, c.value) {
			t.Errorf("%s reads back as %+v", c.key, e)
		}
	}
}

func TestSetInOtherFiles(t *testing.T) {
	for _, c := range []struct{ before, key, after string }{
		{"", "threads", "threads = 1\n"},
		{"", "serve.port", "[serve]\nport = 1\n"},
		{"a = 2", "threads", "a = 2\nthreads = 1\n"},
		{"a = 2\r\nthreads = 5 # x\r\n", "threads", "a = 2\r\nthreads = 1  # x\r\n"},
		{"# top\n\n# serve\n[serve]\nport = 3\n", "threads", "# top\n\nthreads = 1\n\n# serve\n[serve]\nport = 3\n"},
		{"serve.host = \"x\"\n", "serve.port", "serve.host = \"x\"\nserve.port = 1\n"},
		{"max_tokens = 3\n", "max-tokens", "max_tokens = 1\n"},
		{"[serve]\n# nothing yet\n", "serve.port", "[serve]\nport = 1\n# nothing yet\n"},
	} {
		got, err := set([]byte(c.before), strings.Split(c.key, "."), int64(1))
		if err != nil || string(got) != c.after {
			t.Errorf("%q with %s: got %q, %v, want %q", c.before, c.key, got, err, c.after)
		}
	}
}

// What cannot be edited line by line is left alone.
func TestSetRefuses(t *testing.T) {
	for _, before := range []string{"serve = {port = 1}\n", "serve = {host = \"x\"}\n", "serve = 3\n", "x = \n"} {
		if got, err := set([]byte(before), []string{"serve", "port"}, int64(2)); err == nil {
			t.Errorf("%q became %q", before, got)
		}
	}
}

func TestUnset(t *testing.T) {
	got, ok, err := unset([]byte(sample), []string{"stop"})
	if want := strings.Replace(sample, "stop = [\n  \"one\", # first\n  \"two\",\n] # both\n", "", 1); err != nil || !ok || string(got) != want {
		t.Errorf("got %v %v\n%s", ok, err, got)
	}
	if got, ok, err = unset([]byte(sample), []string{"seed"}); ok || err != nil || string(got) != sample {
		t.Errorf("a key that is not there: %v %v\n%s", ok, err, got)
	}
}

// Whatever stands in a file, an edit changes the value of its key alone and keeps every comment, or is refused.
func FuzzSet(f *testing.F) {
	for _, s := range []string{sample, "", "a = 1", "[serve]\n", "serve.port = 2\n", "a = '''\n# no\n''' # yes\n", "[a]\nb = {c = 1}\n", "threads = [1, # x\n2]\n"} {
		f.Add([]byte(s), "threads", "v")
		f.Add([]byte(s), "serve.port", "a\nb\x00\"\\")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		if name != "threads" && name != "serve.port" {
			name = "bench.run.depth"
		}
		key := strings.Split(name, ".")
		before, err := parse(data)
		if err != nil {
			return
		}
		value = strings.ToValidUTF8(value, "?")
		after, err := set(data, key, value)
		if err != nil {
			return
		}
		now, err := parse(after)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, after, err)
		}
		want := before.values()
		want[name] = value
		if !reflect.DeepEqual(want, now.values()) {
			t.Fatalf("%q became %q", data, after)
		}
		gone, ok, err := unset(after, key)
		if err != nil {
			return
		}
		delete(want, name)
		left, err := parse(gone)
		if err != nil || !ok || !reflect.DeepEqual(want, left.values()) {
			t.Fatalf("%q without %s became %q: %v", after, name, gone, err)
		}
	})
}
