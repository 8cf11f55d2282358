package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const publicEndpoint = "https://huggingface.co"

// NewClient makes a client from the variables that Hugging Face's own tools read: HF_ENDPOINT, HF_TOKEN (else
// HUGGING_FACE_HUB_TOKEN, else the file that HF_TOKEN_PATH names or HF_HOME/token), HF_HUB_OFFLINE. Proxies come from
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func NewClient(env func(string) string) (*Client, error) {
	endpoint := strings.TrimRight(env("HF_ENDPOINT"), "/")
	if endpoint == "" {
		endpoint = publicEndpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fail(ErrReference, "give it as https://HOST, or unset it", "HF_ENDPOINT is %q", clip(endpoint))
	}
	token, err := findToken(env)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = workers
	transport.DisableCompression = true // lengths and ranges are of the files
	return &Client{
		endpoint: endpoint, origin: u, token: token, offline: truth(env("HF_HUB_OFFLINE")) || truth(env("TRANSFORMERS_OFFLINE")),
		http:  &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		quiet: silence, sleep: sleep,
	}, nil
}

func truth(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// findToken returns "" when there is none.
func findToken(env func(string) string) (string, error) {
	from, token := "HF_TOKEN", strings.TrimSpace(env("HF_TOKEN"))
	if token == "" {
		from, token = "HUGGING_FACE_HUB_TOKEN", strings.TrimSpace(env("HUGGING_FACE_HUB_TOKEN"))
	}
	if token == "" {
		from = env("HF_TOKEN_PATH")
		if home := hubHome(env); from == "" && home != "" {
			from = filepath.Join(home, "token")
		}
		if info, err := os.Stat(from); err == nil && info.Mode().IsRegular() && info.Size() <= 4096 {
			data, err := os.ReadFile(from)
			if err != nil {
				return "", &Error{Kind: ErrStore, What: "read the hub's token", Err: err, Fix: "make the file readable, or set HF_TOKEN"}
			}
			token = strings.TrimSpace(string(data))
		}
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return "", fail(ErrReference, "write the token alone, without quotes or comments", "the token in %s has a character that no token has", from)
		}
	}
	return token, nil
}

// hubHome is the folder of Hugging Face's tools, "" when there is no home directory.
func hubHome(env func(string) string) string {
	if dir := env("HF_HOME"); dir != "" {
		return dir
	}
	if dir := env("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "huggingface")
	}
	if dir := env("HOME"); dir != "" {
		return filepath.Join(dir, ".cache", "huggingface")
	}
	return ""
}

// Endpoint is the hub's address.
func (c *Client) Endpoint() string { return c.endpoint }

func (c *Client) String() string { return fmt.Sprintf("hub at %s", c.endpoint) }
