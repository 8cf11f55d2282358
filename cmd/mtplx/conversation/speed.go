package conversation

import (
	"context"

	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages/commit"
)

// speedPrompt is what Speed goes on from: code, as chats are about it, and long enough to be typical.
const speedPrompt = "def is_prime(n):\n    \"\"\"Return True if n is a prime number.\"\"\"\n    if n < 2:\n        return False\n"

// Speed writes so many tokens outside the conversation, with or without drafts, and returns what they cost.
func (c *Conversation) Speed(ctx context.Context, tokens int, speculate bool) (*Answer, error) {
	other := &Conversation{Settings: c.Settings, prompt: c.prompt}
	other.Speculate = speculate
	a := &Answer{}
	q := sched.Request{
		Prompt: c.prompt.guard.Encode(nil, speedPrompt), Detok: c.prompt.detok(),
		Limits: commit.Limits{MaxTokens: tokens}, Reuse: sched.Reuse{Mode: bank.Off},
	}
	err := other.write(ctx, &q, a, func(*commit.Chunk) {})
	return a, err
}
