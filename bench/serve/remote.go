package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// A server that computes on all cores starves goroutines that wait for the network in the same process: Go looks for
// what has arrived every 10 ms only while all its threads are busy. A client in the server's process would measure
// that. So when the server runs here, the client is another process, which takes jobs as lines of JSON.

// Job is one load for a client in another process.
type Job struct {
	Client Settings
	Plan   []Conversation
	Load   Load
}

// Settings are a Client's, for another process. Epoch is in Unix nanoseconds: both processes read one clock.
type Settings struct {
	Base, Key, Model, Endpoint string
	Temperature                float64
	Timeout                    time.Duration
	IgnoreEOS, CountTokens     bool
	Epoch                      int64
	Streams                    int // connections to keep
}

// Open makes the client.
func (s *Settings) Open() *Client {
	return &Client{
		Base: s.Base, Key: s.Key, Model: s.Model, Endpoint: s.Endpoint, Temperature: s.Temperature, Timeout: s.Timeout,
		IgnoreEOS: s.IgnoreEOS, CountTokens: s.CountTokens, Epoch: time.Unix(0, s.Epoch), HTTP: NewHTTP(s.Streams),
	}
}

// Work does the jobs that come from in until it ends or ctx does, and writes the traces of each to out. Consecutive
// jobs of equal settings share their connections.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	jobs, traces := json.NewDecoder(in), json.NewEncoder(out)
	var client *Client
	var settings Settings
	for ctx.Err() == nil {
		var j Job
		if err := jobs.Decode(&j); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read a job: %w", err)
		}
		if client == nil || j.Client != settings {
			client, settings = j.Client.Open(), j.Client
		}
		if err := traces.Encode(Generate(ctx, client.Epoch, j.Plan, j.Load, client.Ask)); err != nil {
			return fmt.Errorf("write traces: %w", err)
		}
	}
	return ctx.Err()
}

// Send has a worker do a job. It waits for the traces even when ctx ends; the worker then is told by other means.
func (j *Job) Send(to io.Writer, from *json.Decoder) ([]Trace, error) {
	if err := json.NewEncoder(to).Encode(j); err != nil {
		return nil, fmt.Errorf("send a job to the client's process: %w", err)
	}
	var traces []Trace
	if err := from.Decode(&traces); err != nil {
		return nil, fmt.Errorf("read traces from the client's process: %w", err)
	}
	return traces, nil
}
