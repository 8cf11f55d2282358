package hub

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// A redirect from https to http is refused before anything is asked there.
func TestRedirectWithoutEncryptionIsRefused(t *testing.T) {
	var asked atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/x", http.StatusFound)
	}))
	defer secure.Close()
	c, err := NewClient(func(k string) string { return map[string]string{"HF_ENDPOINT": secure.URL, "HF_TOKEN": "hf_x"}[k] })
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport = secure.Client().Transport
	defer c.http.CloseIdleConnections()
	_, err = c.List(t.Context(), ref)
	if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "without encryption") {
		t.Errorf("want a refusal: %v", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests went out without encryption", n)
	}
}
