package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"iter"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"mtplx/api/request"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// guard lets a request pass, or refuses it; done says that it is answered already.
func (s *Server) guard(c *call, r *route) (done bool, err error) {
	host := string(c.Host())
	if !s.hostAllowed(host) {
		return false, &request.Error{Kind: request.Forbidden, Message: "the host " + request.Quote(host) + " is not one of this server's names; see --allow-host"}
	}
	origin := string(c.Request.Header.Peek("Origin"))
	if origin != "" && !sameOrigin(origin, host) {
		if !s.originAllowed(origin) {
			return false, &request.Error{Kind: request.Forbidden, Message: "the origin " + request.Quote(origin) + " may not use this server; see --cors-origin"}
		}
		h := &c.Response.Header
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
		if string(c.Method()) == "OPTIONS" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-API-Key, Anthropic-Version, Anthropic-Beta, X-Session-Id, X-Mtplx-Session-Id, X-Stainless-Arch, X-Stainless-Lang, X-Stainless-OS, X-Stainless-Package-Version, X-Stainless-Retry-Count, X-Stainless-Runtime, X-Stainless-Runtime-Version, X-Stainless-Timeout")
			h.Set("Access-Control-Max-Age", "600")
			c.SetStatusCode(204)
			return true, nil
		}
	}
	name, ok := s.keys.check(credential(&c.Request.Header))
	c.key, c.authed = name, ok
	if name == "" {
		c.key = c.RemoteIP().String()
	}
	if r != nil && r.public {
		return false, nil
	}
	if !ok {
		return false, unauthorised()
	}
	if wait := s.rates.take(c.key); wait > 0 {
		return false, &request.Error{Kind: request.RateLimited, RetryAfter: seconds(wait), Message: "too many requests: the limit is " + itoa(s.cfg.Rate) + " a minute"}
	}
	return false, nil
}

func unauthorised() *request.Error {
	return &request.Error{Kind: request.Unauthorised, Message: "the API key is missing or wrong; send Authorization: Bearer KEY, or X-API-Key: KEY"}
}

// hostAllowed refuses names that a web page may have pointed at this machine (DNS rebinding).
func (s *Server) hostAllowed(host string) bool {
	if s.cfg.Anyhost || host == "" { // HTTP/1.0 and unix sockets have none
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "host.docker.internal" {
		return true
	}
	if ip := net.ParseIP(name); ip != nil { // an address in the URL is no name that could be rebound
		return true
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// sameOrigin tells whether a page came from this server itself.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

func (s *Server) originAllowed(origin string) bool {
	return slices.ContainsFunc(s.cfg.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
}

// credential is the key that a request brings, never one in its URL.
func credential(h *fasthttp.RequestHeader) string {
	if k := h.Peek("X-API-Key"); len(k) > 0 {
		return string(k)
	}
	a := string(h.Peek("Authorization"))
	if len(a) > 7 && strings.EqualFold(a[:7], "bearer ") {
		return strings.TrimSpace(a[7:])
	}
	return ""
}

// keyring knows the API keys by their hashes.
type keyring [][sha256.Size]byte

func newKeyring(keys []string) keyring {
	k := make(keyring, 0, len(keys))
	for _, key := range keys {
		k = append(k, sha256.Sum256([]byte(key)))
	}
	return k
}

// check compares a key with every one there is, in a time that tells nothing. The name says which it was,
// for limits and logs.
func (k keyring) check(key string) (name string, ok bool) {
	if len(k) == 0 {
		return "", true
	}
	hash := sha256.Sum256([]byte(key))
	at := -1
	for i := range k {
		if subtle.ConstantTimeCompare(hash[:], k[i][:]) == 1 {
			at = i
		}
	}
	if at < 0 {
		return "", false
	}
	return "key-" + itoa(at+1), true
}

// limiter gives each name a number of requests a minute, evenly refilled.
type limiter struct {
	rate int
	now  func() time.Time
	mu   sync.Mutex
	by   map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxNames bounds the limiter's memory; full buckets are forgotten first, and when none is full, all.
const maxNames = 10000

func newLimiter(rate int, now func() time.Time) *limiter {
	return &limiter{rate: rate, now: now, by: map[string]*bucket{}}
}

// take takes one request, or says how long to wait for it.
func (l *limiter) take(name string) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, per := l.now(), float64(l.rate)/60
	b := l.by[name]
	if b == nil {
		if len(l.by) >= maxNames {
			maps.DeleteFunc(l.by, func(_ string, b *bucket) bool { return b.left+now.Sub(b.at).Seconds()*per >= float64(l.rate) })
			if len(l.by) >= maxNames {
				clear(l.by)
			}
		}
		b = &bucket{left: float64(l.rate), at: now}
		l.by[name] = b
	}
	b.left = min(float64(l.rate), b.left+max(0, now.Sub(b.at).Seconds())*per)
	b.at = now
	if b.left < 1 {
		return time.Duration((1 - b.left) / per * float64(time.Second))
	}
	b.left--
	return 0
}
