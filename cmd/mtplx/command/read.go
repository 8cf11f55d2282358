package command

import (
	"context"
	"fmt"
	"io"
)

// longest bounds what is read from standard input, in bytes: more than any context holds.
const longest = 64 << 20

// ReadAll reads standard input to its end, or until ctx ends, which a read that waits for a person outlives. More than any context
// holds is refused.
func ReadAll(ctx context.Context, in io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(in, longest+1))
		read <- result{data, err}
	}()
	select {
	case r := <-read:
		if r.err != nil {
			return nil, Usage(fmt.Errorf("read standard input: %w", r.err), "")
		}
		if len(r.data) > longest {
			return nil, Usage(fmt.Errorf("standard input has more than %d MB", longest>>20), "attach less")
		}
		return r.data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
