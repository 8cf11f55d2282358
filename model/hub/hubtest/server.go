// Package hubtest is a model hub for tests: it speaks the parts of Hugging Face's HTTP interface that fetching a model takes, keeps
// large files on a second host as the real one does, and misbehaves on request. It is for tests only.
//
// A Server is safe for concurrent use; Fault must be set before the first request.
package hubtest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Commit is what every branch of a Server's models means.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Where a request went.
const (
	API     = "api"
	Resolve = "resolve"
	CDN     = "cdn" // the host of large files
)

// Request is one that arrived.
type Request struct {
	Where, Path, Range, Token string
	Nth                       int // from 1, among those of this place and path
}

// Server is a hub with models.
type Server struct {
	URL, CDN string
	// Token, when set, is what the hub asks for.
	Token string

	mu       sync.Mutex
	fault    func(Request) http.HandlerFunc
	models   map[string]map[string][]byte
	requests []Request
	counts   map[string]int
}

// New starts a hub that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{models: map[string]map[string][]byte{}, counts: map[string]int{}}
	hub := httptest.NewServer(http.HandlerFunc(s.hub))
	cdn := httptest.NewServer(http.HandlerFunc(s.cdn))
	t.Cleanup(func() {
		for _, h := range []*httptest.Server{hub, cdn} {
			h.CloseClientConnections()
			h.Close()
		}
	})
	s.URL, s.CDN = hub.URL, cdn.URL
	return s
}

// Add puts a model onto the hub.
func (s *Server) Add(name string, files map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models[name] = maps.Clone(files)
}

// Fail lets f answer requests in the hub's place: nil from it lets the hub answer, and a nil f all of them.
func (s *Server) Fail(f func(Request) http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests are those that arrived so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Large tells whether the hub keeps a file apart.
func Large(name string) bool {
	return slices.Contains([]string{".safetensors", ".bin", ".gguf"}, path.Ext(name))
}

// SHA256 is the hash of a large file.
func SHA256(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Blob is git's hash of a small file.
func Blob(data []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)))
}

// meet notes a request and returns the fault that answers it, if any.
func (s *Server) meet(where string, r *http.Request) http.HandlerFunc {
	q := Request{Where: where, Path: r.URL.Path, Range: r.Header.Get("Range"), Token: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	s.mu.Lock()
	s.counts[where+q.Path]++
	q.Nth = s.counts[where+q.Path]
	s.requests = append(s.requests, q)
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		return fault(q)
	}
	return nil
}

func (s *Server) file(name, file string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.models[name][file]
	return data, ok
}

func (s *Server) hub(w http.ResponseWriter, r *http.Request) {
	rest, api := strings.CutPrefix(r.URL.Path, "/api/models/")
	where := Resolve
	if api {
		where = API
	}
	if f := s.meet(where, r); f != nil {
		f(w, r)
		return
	}
	if s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if api {
		name, revision, _ := strings.Cut(rest, "/revision/")
		s.list(w, name, revision)
		return
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 5)
	if len(parts) != 5 || parts[2] != "resolve" || parts[3] != Commit && parts[3] != "main" {
		http.NotFound(w, r)
		return
	}
	name, file := parts[0]+"/"+parts[1], parts[4]
	data, ok := s.file(name, file)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Repo-Commit", Commit)
	w.Header().Set("Accept-Ranges", "bytes")
	if Large(file) {
		w.Header().Set("X-Linked-Etag", `"`+SHA256(data)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
		http.Redirect(w, r, s.CDN+"/"+name+"/"+file, http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+Blob(data)+`"`)
	http.ServeContent(w, r, file, time.Time{}, bytes.NewReader(data))
}

func (s *Server) cdn(w http.ResponseWriter, r *http.Request) {
	if f := s.meet(CDN, r); f != nil {
		f(w, r)
		return
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	data, ok := s.file(parts[0]+"/"+parts[1], parts[2])
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "x.bin", time.Time{}, bytes.NewReader(data))
}

// list answers as the API does with blobs=true.
func (s *Server) list(w http.ResponseWriter, name, revision string) {
	s.mu.Lock()
	files, ok := s.models[name]
	s.mu.Unlock()
	if !ok || revision != "main" && revision != Commit && revision != "v1" {
		w.Header().Set("X-Error-Message", "Repository or revision not found")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	type lfs struct {
		SHA256      string `json:"sha256"`
		Size        int    `json:"size"`
		PointerSize int    `json:"pointerSize"`
	}
	type sibling struct {
		Name string `json:"rfilename"`
		Size int    `json:"size"`
		Blob string `json:"blobId"`
		LFS  *lfs   `json:"lfs,omitempty"`
	}
	var out []sibling
	for _, file := range slices.Sorted(maps.Keys(files)) {
		data := files[file]
		f := sibling{Name: file, Size: len(data), Blob: Blob(data)}
		if Large(file) {
			f.LFS = &lfs{SHA256(data), len(data), 134}
		}
		out = append(out, f)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": name, "sha": Commit, "siblings": out})
}
