package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mtplx/cmd/mtplx/command"
)

// Health is what a server says of itself to those who have a key.
type Health struct {
	OK          bool   `json:"ok"` // it takes new requests
	Version     string `json:"version"`
	Model       string `json:"model"`
	Context     int    `json:"context_window"` // tokens
	KeyRequired bool   `json:"api_key_required"`
}

// KeyError says that a server is there and gives no answer without one of its keys.
type KeyError struct{ URL string }

func (e *KeyError) Error() string { return "the server at " + e.URL + " takes another API key" }

// Health asks what the server is. Where its key is missing or wrong the error is a *KeyError.
func (s *Server) Health(ctx context.Context) (*Health, error) {
	keys := s.keys
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		body, refused, err := s.try(ctx, "/health", key)
		if refused { // by something before the server: the server itself tells everybody whether it is well
			continue
		}
		if err != nil {
			return nil, err
		}
		var h struct {
			Health
			Status string `json:"status"`
		}
		switch err := json.Unmarshal(body, &h); {
		case err != nil:
			return nil, s.foreign(fmt.Sprintf("answers GET /health with what is no JSON object (%s)", Clean(err.Error())))
		case h.Model == "" && h.Status == "":
			return nil, s.foreign("answers GET /health without a model")
		case h.Model == "":
			continue
		}
		h.Model, h.Version = Clean(h.Model), Clean(h.Version)
		return &h.Health, nil
	}
	return nil, command.Usage(&KeyError{s.URL}, "set MTPLX_AUTH to one of its keys")
}

// IsAbsent tells whether an error says that nobody listens.
func IsAbsent(err error) bool {
	_, ok := errors.AsType[*AbsentError](err)
	return ok
}

// IsKeyed tells whether an error says that a key is wanted.
func IsKeyed(err error) bool {
	_, ok := errors.AsType[*KeyError](err)
	return ok
}
