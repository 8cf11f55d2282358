package hub

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"mtplx/model/hub/hubtest"
)

// countdown is a context that ends when it is asked the last of so many times whether it has ended.
type countdown struct {
	context.Context
	end  context.CancelFunc
	left *atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) == 0 {
		c.end()
	}
	return c.Context.Err()
}

// A pull that is interrupted, at whatever request or between whatever pieces and hashes, says so and leaves no model; the
// same pull then brings it whole.
func TestAnInterruptEndsAPullAnywhere(t *testing.T) {
	for name, begin := range map[string]func(ctx context.Context, s *hubtest.Server, n int64) (context.Context, context.CancelFunc){
		"at a request": func(ctx context.Context, s *hubtest.Server, n int64) (context.Context, context.CancelFunc) {
			ctx, end := context.WithCancel(ctx)
			var seen atomic.Int64
			s.Fail(func(hubtest.Request) http.HandlerFunc {
				if seen.Add(1) != n {
					return nil
				}
				return func(_ http.ResponseWriter, r *http.Request) {
					end()
					<-r.Context().Done() // as a server that does not answer
				}
			})
			return ctx, end
		},
		"at a look": func(ctx context.Context, _ *hubtest.Server, n int64) (context.Context, context.CancelFunc) {
			ctx, end := context.WithCancel(ctx)
			left := &atomic.Int64{}
			left.Store(n)
			return &countdown{ctx, end, left}, end
		},
	} {
		t.Run(name, func(t *testing.T) {
			ends := 0
			for n := int64(1); ; n++ {
				s, st := hub(t), NewStore(t.TempDir())
				c := client(t, s)
				ctx, end := begin(t.Context(), s, n)
				m, _, err := st.Pull(ctx, c, ref, PullOptions{piece: piece, Preflight: func(ctx context.Context, src *Remote, _, _ int64) error {
					_, err := src.ReadAt(ctx, "model.safetensors", 0, 8)
					return err
				}})
				end()
				if err == nil {
					wantWhole(t, m)
					break
				}
				ends++
				if !errors.Is(err, context.Canceled) {
					t.Errorf("interrupted at %d it says %v", n, err)
				}
				wantNothing(t, st)
				s.Fail(func(hubtest.Request) http.HandlerFunc { return nil })
				if m, err = pull(t, c, st); err != nil {
					t.Fatalf("after an interrupt at %d: %v", n, err)
				}
				wantWhole(t, m)
			}
			t.Logf("%d places", ends)
			if ends < 8 {
				t.Errorf("only %d places to be interrupted at", ends)
			}
		})
	}
}
