package command

import (
	"context"
	"fmt"
	"io"
)

// ReadAll reads in to its end, at most `most` bytes, or until ctx ends, which a read that waits for a person outlives.
func ReadAll(ctx context.Context, in io.Reader, most int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(in, most))
		read <- result{data, err}
	}()
	select {
	case r := <-read:
		if r.err != nil {
			return nil, Usage(fmt.Errorf("read standard input: %w", r.err), "")
		}
		return r.data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
