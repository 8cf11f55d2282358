package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// optional are fields that a server may refuse: without them the figures are poorer, but there are some.
var optional = []string{"return_token_ids", "ignore_eos", "stream_options", "seed"}

// Probe finds out what the server takes, and how many of its tokens a word of the workload is. It asks two questions
// of different length (tokens, about) and leaves out what the server refuses; notices say what and what that means.
func (c *Client) Probe(ctx context.Context, w Workload) (perWord float64, notices []string, err error) {
	w.Mix, w.Requests, w.Output = "random", 1, 2
	var counts [2]int
	lengths := [2]int{max(w.Input/2, 1), max(w.Input, 2)}
	for i, n := range lengths {
		w.Input = n
		plan, err := Plan(w, 1<<14+i, 1)
		if err != nil {
			return 0, nil, err
		}
		for {
			t, _ := c.Ask(ctx, "", nil, &plan[0].Turns[0], time.Since(c.Epoch), false)
			if t.Failure == nil {
				counts[i] = t.Prompt
				break
			}
			if ctx.Err() != nil {
				return 0, notices, ctx.Err()
			}
			name := c.refusedField(t.Failure)
			if name == "" {
				return 0, notices, fmt.Errorf("ask the server at %s: %w", c.Base, t.Failure.Err())
			}
			notices = append(notices, fmt.Sprintf("the server refuses %s, which is left out", name))
		}
	}
	perWord = float64(counts[1]-counts[0]) / float64(lengths[1]-lengths[0])
	if counts[0] == 0 || perWord <= 0 {
		return 1, append(notices, "the server does not count prompts' tokens; a word is taken for one"), nil
	}
	return perWord, notices, nil
}

// refusedField is the optional field that a refusal names, which is left out from then on.
func (c *Client) refusedField(f *Failure) string {
	if f.Kind != "status_400" && f.Kind != "status_422" {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(optional, func(name string) bool { return !c.refused[name] && strings.Contains(f.Text, name) })
	if i < 0 {
		return ""
	}
	if c.refused == nil {
		c.refused = map[string]bool{}
	}
	c.refused[optional[i]] = true
	return optional[i]
}

// FindModel returns the name of the first model that the server lists.
func (c *Client) FindModel(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address("/v1/models"), http.NoBody)
	if err != nil {
		return "", err
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", res.StatusCode, message(body))
	}
	if name := gjson.GetBytes(body, "data.0.id").String(); name != "" {
		return name, nil
	}
	return "", errors.New("it lists none")
}
