package conversation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/internal/script"
	"mtplx/sched"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func nothing(conversation.Piece) {}

// The second turn's prompt begins with the very tokens of the first turn and its answer, and the engine restores them.
func TestSecondTurnReadsOnlyWhatIsNew(t *testing.T) {
	m, err := conversation.Open(t.Context(), &command.ModelFlags{Profile: "performance-cold", DraftVocab: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, depth := range []int{0, 3} {
		c := conversation.New(m, conversation.Settings{
			System: "You write Python.", Sampler: sample.Sampler{TopP: 1}, MaxTokens: 80, Depth: depth, Speculate: depth > 0,
		})
		first, err := c.Ask(t.Context(), "Write a function that adds two numbers.", nothing)
		if err != nil {
			t.Fatal(err)
		}
		whole := first.Prompt + len(first.Tokens)
		for range 2 {
			next, err := c.Ask(t.Context(), "Now subtract.", nothing)
			if err != nil {
				t.Fatal(err)
			}
			if left := whole - next.Reused; left > 2 {
				t.Errorf("depth %d: of %d tokens so far only %d were restored", depth, whole, next.Reused)
			}
			if next.Prompt-next.Reused > 20 {
				t.Errorf("depth %d: %d of %d tokens were read anew", depth, next.Prompt-next.Reused, next.Prompt)
			}
			whole = next.Prompt + len(next.Tokens)
		}
	}
}

// ask asks and lets the test write the answer in pieces.
func ask(t *testing.T, c *conversation.Conversation, e *script.Engine, question string, pieces ...string) (*conversation.Answer, *script.Session) {
	t.Helper()
	done := make(chan *conversation.Answer)
	go func() {
		a, err := c.Ask(t.Context(), question, nothing)
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	s := e.Next()
	for _, p := range pieces {
		s.Write(p)
	}
	s.Finish("stop")
	return <-done, s
}

func TestPromptsAreTheTemplates(t *testing.T) {
	m, e := script.New(t, 1000)
	c := conversation.New(m, conversation.Settings{System: "Be brief.", Sampler: sample.Sampler{TopP: 1}})
	_, s := ask(t, c, e, "Hi <|im_end|>", "Hel", "lo <|im_start|>")
	if got := s.Prompt(); got != "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n" {
		t.Errorf("prompt %q", got)
	}
	special := 0
	for _, id := range s.Request.Prompt {
		if id == m.StopTokens[0] {
			special++
		}
	}
	if special != 2 { // the message's own is text
		t.Errorf("%d ends of turns in the prompt", special)
	}
	first := s.Request.Prompt
	_, s = ask(t, c, e, "Again", "Yes")
	if !strings.HasPrefix(s.Prompt(), "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\nHello <|im_start|><|im_end|>\n<|im_start|>user\nAgain") {
		t.Errorf("prompt %q", s.Prompt())
	}
	for i, id := range first {
		if s.Request.Prompt[i] != id {
			t.Fatalf("the second prompt differs at token %d", i)
		}
	}
	if !c.Forget() || len(c.Messages()) != 2 {
		t.Errorf("after forgetting one exchange of two: %+v", c.Messages())
	}
	_, s = ask(t, c, e, "More", "ok")
	if strings.Contains(s.Prompt(), "Hi ") || !strings.Contains(s.Prompt(), "Again") {
		t.Errorf("prompt %q", s.Prompt())
	}
}

// An answer's tokens stay as they were written, whatever the tokenizer would make of its text.
func TestAnswersKeepTheirTokens(t *testing.T) {
	m, e := script.New(t, 1000)
	c := conversation.New(m, conversation.Settings{Sampler: sample.Sampler{TopP: 1}})
	_, s := ask(t, c, e, "Hi", "re", "tur", "n")
	first := s.Request.Prompt
	var written []int32
	for _, piece := range []string{"re", "tur", "n"} {
		written = m.Tokenizer.Encode(written, piece, true)
	}
	if usual := m.Tokenizer.Encode(nil, "return", true); len(usual) == len(written) {
		t.Fatal("the test needs an answer in unusual tokens")
	}
	_, s = ask(t, c, e, "Again", "Yes")
	if got := s.Request.Prompt[len(first):][:len(written)]; !slices.Equal(got, written) {
		t.Errorf("the answer was written in %v and became %v", written, got)
	}
}

func TestStoppedAnswersStayAndSilentOnesDoNot(t *testing.T) {
	m, e := script.New(t, 1000)
	c := conversation.New(m, conversation.Settings{Sampler: sample.Sampler{TopP: 1}})
	for _, text := range []string{"", "Half an ans"} {
		ctx, cancel := context.WithCancel(t.Context())
		wrote := make(chan struct{})
		type outcome struct {
			a   *conversation.Answer
			err error
		}
		done := make(chan outcome)
		go func() {
			a, err := c.Ask(ctx, "Why?", func(conversation.Piece) { close(wrote) })
			done <- outcome{a, err}
		}()
		s := e.Next()
		if text != "" {
			s.Write(text)
			<-wrote
		}
		cancel()
		o := <-done
		s.Cancelled()
		if !errors.Is(o.err, context.Canceled) || o.a.Text != text || o.a.Finish != "cancelled" {
			t.Errorf("stopped after %q: %+v, %v", text, o.a, o.err)
		}
		if got := len(c.Messages()); (got == 2) != (text != "") {
			t.Errorf("stopped after %q, the conversation has %d messages", text, got)
		}
	}
}

func TestFullContext(t *testing.T) {
	m, e := script.New(t, 60)
	c := conversation.New(m, conversation.Settings{Sampler: sample.Sampler{TopP: 1}})
	ask(t, c, e, "One", "two")
	_, err := c.Ask(t.Context(), strings.Repeat("word ", 60), nothing)
	full, ok := errors.AsType[*conversation.FullError](err)
	if !ok || full.Context != 60 || full.Tokens < 60 {
		t.Fatalf("%v", err)
	}
	if len(c.Messages()) != 2 {
		t.Errorf("a refused message stays: %+v", c.Messages())
	}
	done := make(chan *conversation.Answer)
	go func() {
		a, _ := c.Ask(t.Context(), "On", nothing)
		done <- a
	}()
	s := e.Next()
	s.Write("and on")
	s.Finish("length")
	if a := <-done; !a.Full {
		t.Errorf("an answer that ends with the context: %+v", a)
	}
}

func TestErrorsOfTheEngineArriveOnce(t *testing.T) {
	m, e := script.New(t, 100)
	c := conversation.New(m, conversation.Settings{Sampler: sample.Sampler{TopP: 1}, Depth: sched.Auto, Speculate: true})
	go func() {
		s := e.Next()
		s.Write("A")
		s.Fail(errors.New("the device is gone"))
	}()
	a, err := c.Ask(t.Context(), "Q", nothing)
	if err == nil || !strings.Contains(err.Error(), "the device is gone") || a.Text != "A" {
		t.Errorf("%+v, %v", a, err)
	}
}
