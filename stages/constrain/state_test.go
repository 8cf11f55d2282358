package constrain

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestReasoningIsFreeUntilItsEnd(t *testing.T) {
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	g := compile(t, c, &Spec{Form: Choice, Choices: []string{"yes", "no"}})
	const end = 1 // special, as </think> may be
	s, err := g.NewStateAfter(end, 8)
	if err != nil {
		t.Fatal(err)
	}
	bits := make([]uint64, c.Words())
	s.Mask(bits)
	for id := range int32(v.Size()) {
		if got, want := bits[id>>6]>>(id&63)&1 != 0, v.text[id] != "" && v.text[id] != "\xff\xf8" || id == end; got != want && v.text[id] != "\xff" && !hasNotText(v.text[id]) {
			t.Errorf("token %d (%q): allowed %t in reasoning, want %t", id, v.text[id], got, want)
		}
	}
	say := func(text string) {
		t.Helper()
		for i := range len(text) {
			if !s.Advance(int32(text[i]) + 2) {
				t.Fatalf("byte %q of %q is refused", text[i], text)
			}
		}
	}
	say("ye")
	if s.Advance(0) || s.Done() {
		t.Error("the text can end inside the reasoning")
	}
	if !s.Advance(end) {
		t.Fatal("the end of reasoning is refused")
	}
	if s.Advance('z'+2) || s.Advance(end) {
		t.Error("the grammar does not hold behind the reasoning")
	}
	say("no")
	s.Rollback(3)
	say("x")
	if !s.Advance(end) {
		t.Fatal("the end of reasoning is refused after a rollback")
	}
	say("yes")
	if !s.Done() || !s.Advance(0) {
		t.Error("the text cannot end")
	}
	for _, id := range []int32{-1, 0, int32(v.Size())} {
		if _, err := g.NewStateAfter(id, 1); err == nil {
			t.Errorf("token %d is taken for an end of reasoning", id)
		}
	}
}

func TestForcedBytesAreThoseOfEveryText(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{JSON: Compact})
	g := compile(t, c, schema(`{"type":"object","properties":{"name":{"type":"string"},"n":{"const":12}},"required":["name","n"],"additionalProperties":false}`))
	s := g.NewState(64)
	if got, want := string(s.AppendForced([]byte("> "))), `> {"name":"`; got != want {
		t.Errorf("forced %q, want %q", got, want)
	}
	text := `{"name":"x"`
	for i := range len(text) {
		s.Advance(int32(text[i]) + 2)
	}
	if got, want := string(s.AppendForced(nil)), `,"n":12}`; got != want {
		t.Errorf("forced %q, want %q", got, want)
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, []byte(text+`,"n":12}`)); err != nil {
		t.Error(err)
	}
}
