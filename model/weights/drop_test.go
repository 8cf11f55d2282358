package weights

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fileResident is the memory of this process that is mapped from files and in RAM.
func fileResident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("the system does not tell what is resident")
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == "RssFile:" {
			kb, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Skip("the system does not tell what is mapped from files")
	return 0
}

func TestDropGivesBackPagesAndLosesNothing(t *testing.T) {
	const size = 32 << 20
	data := bytes.Repeat([]byte("weights."), size/8)
	header := []byte(`{"w":{"dtype":"U8","shape":[` + strconv.Itoa(size) + `],"data_offsets":[0,` + strconv.Itoa(size) + `]}}`)
	file := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), append(file, data...), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, ok := s.Tensor("w")
	if !ok || !bytes.Equal(w.Data, data) {
		t.Fatal("the tensor is not what was written")
	}
	before := fileResident(t)
	s.Drop()
	if given := before - fileResident(t); given < size*9/10 {
		t.Errorf("dropping gave back %d bytes of %d", given, size)
	}
	if !bytes.Equal(w.Data, data) {
		t.Error("the tensor changed")
	}
}
