package openai

import (
	"strconv"
	"strings"

	"mtplx/api/output"
	"mtplx/api/request"
)

// AppendChat appends a whole chat.completion.
func AppendChat(dst []byte, m output.Meta, r *request.Request, choices []output.Choice, u *output.Usage) []byte {
	dst = appendHead(dst, m, "chat.completion")
	for i := range choices {
		c := &choices[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"index":`...), int64(i), 10)
		dst = append(dst, `,"message":{"role":"assistant","content":`...)
		if c.Content == "" && len(c.Calls) > 0 {
			dst = append(dst, "null"...)
		} else {
			dst = output.AppendString(dst, c.Content)
		}
		if c.Reasoning != "" {
			dst = output.AppendString(append(dst, `,"reasoning_content":`...), c.Reasoning)
		}
		if len(c.Calls) > 0 {
			dst = append(dst, `,"tool_calls":[`...)
			for j, k := range c.Calls {
				if j > 0 {
					dst = append(dst, ',')
				}
				dst = output.AppendString(append(dst, `{"id":`...), k.ID)
				dst = output.AppendString(append(dst, `,"type":"function","function":{"name":`...), k.Name)
				dst = output.AppendString(append(dst, `,"arguments":`...), k.Arguments)
				dst = append(dst, `}}`...)
			}
			dst = append(dst, ']')
		}
		dst = append(dst, `,"refusal":null},"logprobs":`...)
		if r.Logprobs {
			dst = appendChatLogprobs(dst, c.Logprobs)
		} else {
			dst = append(dst, "null"...)
		}
		dst = appendChoiceEnd(dst, r, c)
	}
	return appendTail(dst, u)
}

func appendHead(dst []byte, m output.Meta, object string) []byte {
	return append(append(dst, head(m, object)[len("data: "):]...), `,"choices":[`...)
}

func appendTail(dst []byte, u *output.Usage) []byte {
	dst = AppendUsage(append(dst, `],"usage":`...), u)
	dst = appendTimings(dst, u)
	return append(dst, '}')
}

func appendChoiceEnd(dst []byte, r *request.Request, c *output.Choice) []byte {
	dst = append(dst, `,"finish_reason":"`...)
	dst = append(dst, c.Finish.Reason...)
	dst = appendStop(append(dst, '"'), c.Finish)
	if r.ReturnTokens {
		dst = output.AppendInts(append(dst, `,"token_ids":`...), c.Tokens)
	}
	return append(dst, '}')
}

// AppendCompletion appends a whole text_completion.
func AppendCompletion(dst []byte, m output.Meta, r *request.Request, choices []output.Choice, u *output.Usage) []byte {
	dst = appendHead(dst, m, "text_completion")
	for i := range choices {
		c := &choices[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"index":`...), int64(i), 10)
		dst = output.AppendString(append(dst, `,"text":`...), c.Content)
		dst = append(dst, `,"logprobs":`...)
		if r.Logprobs {
			dst, _ = appendTextLogprobs(dst, c.Logprobs, 0)
		} else {
			dst = append(dst, "null"...)
		}
		dst = appendChoiceEnd(dst, r, c)
	}
	return appendTail(dst, u)
}

// appendTextLogprobs appends the parallel lists of completions; offset is where the first token's text
// begins, and what is returned is where the last one ends.
func appendTextLogprobs(dst []byte, list []output.Token, offset int) ([]byte, int) {
	each := func(name string, add func(dst []byte, t output.Token) []byte) {
		dst = append(append(append(dst, '"'), name...), `":[`...)
		for i, t := range list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = add(dst, t)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, '{')
	each("tokens", func(dst []byte, t output.Token) []byte { return output.AppendString(dst, t.Text) })
	dst = append(dst, ',')
	each("token_logprobs", func(dst []byte, t output.Token) []byte { return output.AppendFloat(dst, t.Logprob) })
	dst = append(dst, ',')
	each("top_logprobs", func(dst []byte, t output.Token) []byte {
		dst = append(dst, '{')
		for i, a := range t.Top {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(output.AppendString(dst, a.Text), ':')
			dst = output.AppendFloat(dst, a.Logprob)
		}
		return append(dst, '}')
	})
	dst = append(dst, ',')
	each("text_offset", func(dst []byte, t output.Token) []byte {
		dst = strconv.AppendInt(dst, int64(offset), 10)
		offset += len(t.Text)
		return dst
	})
	return append(dst, '}'), offset
}

// CompletionStream writes text_completion chunks.
type CompletionStream struct {
	req     *request.Request
	head    []byte
	offsets []int
}

// NewCompletionStream starts the stream of a completion with n choices.
func NewCompletionStream(m output.Meta, r *request.Request, n int) *CompletionStream {
	return &CompletionStream{req: r, head: head(m, "text_completion"), offsets: make([]int, n)}
}

func (s *CompletionStream) begin(dst []byte, choice int) []byte {
	dst = append(append(dst, s.head...), `,"choices":[{"index":`...)
	return strconv.AppendInt(dst, int64(choice), 10)
}

// Open appends nothing: completions have no first chunk.
func (s *CompletionStream) Open(dst []byte) []byte { return dst }

// Piece appends one chunk.
func (s *CompletionStream) Piece(dst []byte, choice int, p output.Piece) []byte {
	var b strings.Builder
	var from []output.Source
	for _, e := range p.Events {
		b.WriteString(e.Text)
		from = append(from, e.Sources...)
	}
	text := b.String()
	if text == "" && len(p.Logprobs) == 0 && !s.req.ReturnTokens {
		return dst
	}
	dst = output.AppendString(append(s.begin(dst, choice), `,"text":`...), text)
	dst = append(dst, `,"logprobs":`...)
	if s.req.Logprobs {
		dst, s.offsets[choice] = appendTextLogprobs(dst, p.Logprobs, s.offsets[choice])
	} else {
		dst = append(dst, "null"...)
	}
	if s.req.ReturnTokens {
		dst = output.AppendInts(append(dst, `,"token_ids":`...), p.Tokens)
	}
	if from != nil {
		dst = appendSources(dst, from)
	}
	return append(dst, `,"finish_reason":null}]}`+"\n\n"...)
}

// Finish appends a choice's last chunk.
func (s *CompletionStream) Finish(dst []byte, choice int, f output.Finish) []byte {
	dst = append(s.begin(dst, choice), `,"text":"","logprobs":null,"finish_reason":"`...)
	dst = append(dst, f.Reason...)
	dst = appendStop(append(dst, '"'), f)
	return append(dst, `}]}`+"\n\n"...)
}

// Close appends the usage chunk, where the client wants one, and the end mark.
func (s *CompletionStream) Close(dst []byte, u *output.Usage) []byte {
	if s.req.IncludeUsage || s.req.Provenance {
		dst = append(append(dst, s.head...), `,"choices":[],"usage":`...)
		dst = appendTimings(AppendUsage(dst, u), u)
		dst = append(appendDepths(dst, s.req, u), "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// Fail appends an error and the end mark.
func (s *CompletionStream) Fail(dst []byte, e *request.Error) []byte { return appendFailure(dst, e) }
