package api

import (
	"testing"

	"github.com/tidwall/gjson"
)

func TestHealthTellsTheDeviceAndWhyThatOne(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Model.Device, c.Model.DeviceKind, c.Model.DeviceWhy = "cuda:0 (a card)", "cuda", "asked for"
	})
	_, body := r.do(t, "GET", "/health", "")
	if got := gjson.Get(body, "device").Raw; got != `{"kind":"cuda","name":"cuda:0 (a card)","why":"asked for"}` {
		t.Errorf("health tells of the device %s", got)
	}
}
