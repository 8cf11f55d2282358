package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// A file added to default/ but not embedded would be missing from the program only.
func TestEveryPublishedFileIsEmbedded(t *testing.T) {
	entries, err := os.ReadDir("default")
	if err != nil {
		t.Fatal(err)
	}
	files := Files()
	for _, e := range entries {
		want, err := os.ReadFile(filepath.Join("default", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files[e.Name()], want) {
			t.Errorf("%s: %d bytes embedded, %d on disk, or different ones", e.Name(), len(files[e.Name()]), len(want))
		}
		delete(files, e.Name())
	}
	for name := range files {
		t.Errorf("%s is embedded but not in default/", name)
	}
}

func TestFilesAreViewsNotCopies(t *testing.T) {
	a, b := Files()["model.safetensors"], Files()["model.safetensors"]
	if unsafe.SliceData(a) != unsafe.SliceData(b) || unsafe.SliceData(a) != unsafe.StringData(trunk) {
		t.Error("two calls of Files returned different memory")
	}
	if n := testing.AllocsPerRun(10, func() { view(trunk) }); n != 0 {
		t.Errorf("a view of the weights allocates %v times", n)
	}
}

func TestCardSaysWhatAReaderMustKnow(t *testing.T) {
	for _, want := range []string{"Apache-2.0", "4,096", "Python", "cannot"} {
		if !strings.Contains(Card(), want) {
			t.Errorf("MODEL.md does not mention %q", want)
		}
	}
}
