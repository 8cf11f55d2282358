package api

import (
	"net/http"
	"testing"

	"github.com/tidwall/gjson"
)

// Who spreads load sees how many answers can be written and which are, and gets a status when none can be begun.
func TestSlots(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Running, c.Waiting = 2, 3 })
	busy := func() string {
		_, body := r.do(t, "GET", "/slots", "")
		return gjson.Get(body, "#.is_processing").Raw + " " + gjson.Get(body, `#(is_processing==true)#.n_decoded`).Raw
	}
	if got := busy(); got != "[false,false] []" {
		t.Errorf("idle: %s", got)
	}
	for i, want := range []string{"[true,false] [4]", "[true,true] [4,4]", "[true,true] [4,4]"} {
		c, in := r.dial(t)
		post(c, "/v1/chat/completions", hangStream)
		until(t, in, "hang")
		if got := busy(); got != want {
			t.Errorf("with %d answers: %s, want %s", i+1, got, want)
		}
		status := http.StatusOK
		if i > 0 {
			status = http.StatusServiceUnavailable
		}
		if res, body := r.do(t, "GET", "/slots?fail_on_no_slot=1", ""); res.StatusCode != status || status != http.StatusOK && res.Header.Get("Retry-After") == "" {
			t.Errorf("with %d answers and fail_on_no_slot: %s %s, want %d", i+1, res.Status, body, status)
		}
	}
	_, body := r.do(t, "GET", "/props", "")
	if p := gjson.Parse(body); p.Get("total_slots").Int() != 2 || p.Get("default_generation_settings.n_ctx").Int() != 2000 || p.Get("default_generation_settings.params.top_k").Int() != 20 {
		t.Errorf("props: %s", body)
	}
}
