package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// longestEvent bounds an event of a stream, in bytes.
const longestEvent = 1 << 20

// Stream sends a body in JSON by POST, with the first key that is taken, and hands out the data of each event of the answer as it
// comes; more ends it by being false. An answer that ends before has ended early. The whole of it may take as long as patience.
func (s *Server) Stream(ctx context.Context, path string, body any, patience time.Duration, event func(data []byte) (more bool, err error)) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	keys := s.keys
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		var refused bool
		refused, err = s.stream(within, path, key, text, event)
		if within.Err() != nil && ctx.Err() == nil {
			return runtime.Fail(runtime.Environment, fmt.Errorf("the answer of %s is not there within %v", s.URL, patience), "see with mtplx status whether it is busy, or give it more time")
		}
		if !refused {
			return err
		}
	}
	return err
}

var errPatience = errors.New("the answer takes too long")

func (s *Server) stream(ctx context.Context, path, key string, text []byte, event func([]byte) (bool, error)) (refused bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(text))
	if err != nil {
		return false, command.Usage(fmt.Errorf("--url is %q: %w", s.URL, err), "")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.send(ctx, req, key)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		whole, err := io.ReadAll(io.LimitReader(res.Body, longest))
		if err != nil {
			return false, s.unreachable(ctx, err)
		}
		refused, err = s.refusal(res, whole, key)
		return refused, err
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, longestEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		if more, err := event(bytes.TrimSpace(data)); !more || err != nil {
			return false, err
		}
	}
	if err := lines.Err(); err != nil {
		return false, s.unreachable(ctx, err)
	}
	return false, s.foreign(fmt.Sprintf("ends its answer to POST %s before its end", path))
}
