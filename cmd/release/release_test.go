package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// program says its version, its commands, and what those write; its pages tell what it was given.
const program = `package main

import "os"

var version = "none"

func main() {
	switch {
	case len(os.Args) < 2:
		println(version)
	case os.Args[2] == "--help":
	case os.Args[1] == "completion":
		os.Stdout.WriteString("complete " + os.Args[2] + "\n")
	case os.Args[1] == "man":
		os.Mkdir(os.Args[2], 0o700)
		os.WriteFile(os.Args[2]+"/tiny.1", []byte("of "+os.Getenv("SOURCE_DATE_EPOCH")+os.Getenv("TINY_HOST")), 0o600)
	}
}
`

// tiny is a module with a program that is built in no time.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module tiny\n\ngo 1.26.0\n", "LICENSE": "Do as you like.\n",
		"main.go": program,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newRelease(module, out string) *release {
	return &release{
		name: "tiny", module: module, pkg: ".", variable: "main.version", summary: "Says its version", licence: "Apache-2.0", documents: []string{"LICENSE"},
		version: "1.2.3", when: time.Unix(1700000000, 0).UTC(), platforms: []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}},
		goCommand: "go", url: "https://example.org/v1.2.3/", out: out, say: func(string, ...any) {},
	}
}

// contents are the files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(content)
	}
	return files
}

// Two releases of the same sources, in other directories and at another time, have the same bytes; and each file is what it
// says it is.
func TestReleasesAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs for three platforms, twice")
	}
	t.Setenv("TINY_HOST", "a variable of whoever makes the release")
	var releases []map[string]string
	for range 2 {
		module, out := tiny(t), filepath.Join(t.TempDir(), "a", "release")
		r := newRelease(module, out)
		if nfpm := os.Getenv("NFPM"); nfpm != "" {
			r.nfpm = nfpm
		}
		if err := r.make(t.Context()); err != nil {
			t.Fatal(err)
		}
		releases = append(releases, contents(t, out))
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		past := time.Unix(0, 0)
		if err := os.Chtimes(filepath.Join(module, "LICENSE"), past, past); err != nil {
			t.Fatal(err)
		}
		if err := r.make(t.Context()); err != nil { // over the first
			t.Fatal(err)
		}
		releases = append(releases, contents(t, out))
	}
	for _, other := range releases[1:] {
		for name := range releases[0] {
			if releases[0][name] != other[name] {
				t.Errorf("%s differs between two releases", name)
			}
		}
		if len(other) != len(releases[0]) {
			t.Errorf("%v in one, %v in another", slices.Sorted(maps.Keys(releases[0])), slices.Sorted(maps.Keys(other)))
		}
	}
	for _, name := range []string{"tiny_1.2.3_linux_amd64.tar.gz", "tiny_1.2.3_linux_arm64.cdx.json", "tiny_1.2.3_darwin_arm64.tar.gz", "tiny.rb", "Containerfile", sums} {
		if releases[0][name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	checkSums(t, releases[0])
	checkProgram(t, releases[0])
}

// checkSums checks checksums: every file has one, and it is right.
func checkSums(t *testing.T, files map[string]string) {
	t.Helper()
	seen := 0
	for line := range strings.Lines(files[sums]) {
		want, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		sum := sha256.Sum256([]byte(files[name]))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: %s, want %s", name, want, got)
		}
		seen++
		if strings.HasSuffix(name, ".tar.gz") && !strings.Contains(files["tiny.rb"], "url \"https://example.org/v1.2.3/"+name+"\"\n      sha256 \""+want+"\"") {
			t.Errorf("the formula lacks %s or its checksum:\n%s", name, files["tiny.rb"])
		}
	}
	if seen != len(files)-1 {
		t.Errorf("%d checksums of %d files", seen, len(files)-1)
	}
}

// checkProgram checks that the archive for this machine holds a program of the version, and its bill the program's checksum.
func checkProgram(t *testing.T, files map[string]string) {
	t.Helper()
	stem := "tiny_1.2.3_" + host.system + "_" + host.arch
	text, ok := files[stem+".tar.gz"]
	if !ok {
		t.Skipf("no archive for %s", host)
	}
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(z)
	dir := t.TempDir()
	texts := map[string]string{}
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s: owner %d:%d, time %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		texts[name] = string(content)
		if h.Name != "tiny-1.2.3-"+host.system+"-"+host.arch+"/tiny" {
			continue
		}
		sum := sha256.Sum256(content)
		bill := gjson.Parse(files[stem+".cdx.json"])
		if got := bill.Get("metadata.component.hashes.0.content").String(); got != hex.EncodeToString(sum[:]) {
			t.Errorf("the bill is of %s, the program %x", got, sum)
		}
		if got := bill.Get("components.0.name").String(); got != "std" || bill.Get("bomFormat").String() != "CycloneDX" || bill.Get("metadata.timestamp").String() != "2023-11-14T22:13:20Z" {
			t.Errorf("the bill says\n%s", bill.Raw)
		}
		program := filepath.Join(dir, "tiny")
		if err := os.WriteFile(program, content, h.FileInfo().Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"man/tiny.1": "of 1700000000", "completions/tiny.bash": "complete bash\n", "completions/_tiny": "complete zsh\n", "completions/tiny.fish": "complete fish\n",
	} {
		if texts[name] != want {
			t.Errorf("%s says %q, want %q", name, texts[name], want)
		}
	}
	notices := texts[noticesName]
	if !strings.Contains(notices, "The Go programming language 1.") || !strings.Contains(notices, "The Go Authors") {
		t.Errorf("the archive says of Go's licence %q", notices)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "tiny")).CombinedOutput()
	if err != nil || string(out) != "1.2.3\n" {
		t.Errorf("the program says %q, %v", out, err)
	}
}

func TestArchivesDependOnContentsAlone(t *testing.T) {
	when := time.Unix(1700000000, 0)
	entries := []entry{{name: "b", content: []byte("B")}, {name: "dir/a", content: []byte("A"), executable: true}, {name: "a"}}
	var one, two bytes.Buffer
	if err := archive(&one, "root", when, entries); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	if err := archive(&two, "root", when.UTC(), entries); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the order of files shows")
	}
	z, err := gzip.NewReader(&one)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
	}
	want := []string{"drwxr-xr-x root/", "-rw-r--r-- root/a", "-rw-r--r-- root/b", "drwxr-xr-x root/dir/", "-rwxr-xr-x root/dir/a"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOtherDirectoriesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRelease(tiny(t), dir)
	if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), "which holds something else") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
	r.out = precious
	if err := r.make(t.Context()); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// A program without the commands for them has no pages and completions, and a release says so; this machine need not be one of
// its platforms.
func TestExtrasThatAreMissing(t *testing.T) {
	module := tiny(t)
	text := strings.Replace(program, `os.Args[2] == "--help":`, `os.Args[2] == "--help": println("no such command"); os.Exit(2)`, 1)
	if err := os.WriteFile(filepath.Join(module, "main.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRelease(module, "")
	var said []string
	r.say = func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }
	list, err := r.extras(t.Context(), t.TempDir(), nil)
	if err != nil || len(list) != 0 || !slices.Contains(said, "skipped: tiny man --help: exit status 2: no such command") || !slices.Contains(said, "skipped: tiny completion --help: exit status 2: no such command") {
		t.Errorf("%v, %v, %q", list, err, said)
	}
	// One that has them and fails stops the release.
	text = strings.Replace(program, `case os.Args[1] == "completion":`, `case os.Args[1] == "completion": os.Exit(3)`, 1)
	if err := os.WriteFile(filepath.Join(module, "main.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.extras(t.Context(), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "tiny completion bash: exit status 3") {
		t.Errorf("%v", err)
	}
}

// A release that fails leaves what was there.
func TestFailuresLeaveTheLastRelease(t *testing.T) {
	out := lastRelease(t)
	for name, spoil := range map[string]func(*release){
		"no such file":                       func(r *release) { r.documents = []string{"nothing"} },
		"does not run":                       func(r *release) { r.goCommand = "/no/such/go" },
		"build for linux/amd64: exit status": func(r *release) { r.pkg = "./nothing" },
		"no platform":                        func(r *release) { r.platforms = nil },
	} {
		r := newRelease(tiny(t), out)
		r.platforms = r.platforms[:1]
		spoil(r)
		if err := r.make(t.Context()); err == nil || name != "does not run" && !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
		if got := contents(t, out); len(got) != 1 || got[sums] != "last" {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

func TestLicences(t *testing.T) {
	dir := t.TempDir()
	if _, err := licences(dir); err == nil || !strings.Contains(err.Error(), "there is none in "+dir) {
		t.Errorf("a module without a licence: %v", err)
	}
	for name, text := range map[string]string{"LICENSE": "L", "COPYING.txt": "L", "NOTICE": "N", "LICENSE-MIT": "M", "licence.go": "x", "README.md": "x", "Notices": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := licences(dir); err != nil || !slices.Equal(got, []string{"L", "M", "N"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := licences(""); err == nil {
		t.Error("a module that is not there")
	}
}
