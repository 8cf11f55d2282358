//go:build unix

package hub

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"mtplx/model/hub/hubtest"
)

// childPull is a pull in a process of its own, which a test may kill.
func childPull() int {
	c, err := NewClient(os.Getenv)
	if err == nil {
		_, _, err = NewStore(os.Getenv("HUB_TEST_PULL")).Pull(context.Background(), c, ref, PullOptions{piece: piece})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestKilledPullGoesOn(t *testing.T) {
	s := hub(t)
	reached := make(chan struct{})
	var once sync.Once
	killed := make(chan struct{})
	s.Fail(func(r hubtest.Request) http.HandlerFunc {
		select {
		case <-killed:
			return nil
		default:
		}
		if r.Where != hubtest.CDN || r.Nth < 4 {
			return nil
		}
		return func(_ http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(reached) })
			<-r.Context().Done()
		}
	})
	st := NewStore(t.TempDir())
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "HUB_TEST_PULL="+st.Root(), "HF_ENDPOINT="+s.URL, "HF_TOKEN=", "HF_HOME="+t.TempDir())
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	close(killed)
	wantNothing(t, st)
	var resumed int64
	m, _, err := st.Pull(t.Context(), client(t, s), ref, PullOptions{piece: piece, Report: func(e Event) {
		if e.Kind == Resume {
			resumed = e.Done
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, m)
	if resumed < piece {
		t.Errorf("the pull after the kill begins with %d bytes", resumed)
	}
}
