package openai

import (
	"strconv"

	"mtplx/api/output"
	"mtplx/api/request"
)

// ChatStream writes chat.completion.chunk frames.
type ChatStream struct {
	meta output.Meta
	req  *request.Request
	n    int
	head []byte // what every chunk begins with
}

// NewChatStream starts the stream of a chat with n choices.
func NewChatStream(m output.Meta, r *request.Request, n int) *ChatStream {
	return &ChatStream{meta: m, req: r, n: n, head: head(m, "chat.completion.chunk")}
}

func head(m output.Meta, object string) []byte {
	dst := append([]byte(nil), `data: {"id":`...)
	dst = output.AppendString(dst, m.ID)
	dst = append(dst, `,"object":"`...)
	dst = append(dst, object...)
	dst = append(dst, `","created":`...)
	dst = strconv.AppendInt(dst, m.Created, 10)
	dst = append(dst, `,"model":`...)
	return output.AppendString(dst, m.Model)
}

func (s *ChatStream) begin(dst []byte, choice int) []byte {
	dst = append(dst, s.head...)
	dst = append(dst, `,"choices":[{"index":`...)
	dst = strconv.AppendInt(dst, int64(choice), 10)
	return append(dst, `,"delta":{`...)
}

const plainEnd = `},"finish_reason":null}]}` + "\n\n"

// Open appends each choice's first chunk, which carries the role.
func (s *ChatStream) Open(dst []byte) []byte {
	for i := range s.n {
		dst = s.begin(dst, i)
		dst = append(dst, `"role":"assistant","content":""`...)
		dst = append(dst, plainEnd...)
	}
	return dst
}

// Piece appends a chunk for each event. Log probabilities and token ids go with the first; where there is
// no event, with an empty one.
func (s *ChatStream) Piece(dst []byte, choice int, p output.Piece) []byte {
	extras := len(p.Logprobs) > 0 || s.req.ReturnTokens && len(p.Tokens) > 0
	if len(p.Events) == 0 && extras {
		dst = s.begin(dst, choice)
		dst = s.end(dst, p, nil)
	}
	for _, e := range p.Events {
		if e.Kind == output.CallEnd {
			continue
		}
		dst = s.begin(dst, choice)
		dst = appendDelta(dst, e)
		if extras {
			dst, extras = s.end(dst, p, e.Sources), false
			continue
		}
		if e.Sources != nil {
			dst = append(appendSources(append(dst, '}'), e.Sources), `,"finish_reason":null}]}`+"\n\n"...)
			continue
		}
		dst = append(dst, plainEnd...)
	}
	return dst
}

func (s *ChatStream) end(dst []byte, p output.Piece, from []output.Source) []byte {
	dst = append(dst, '}')
	if s.req.Logprobs {
		dst = append(dst, `,"logprobs":`...)
		dst = appendChatLogprobs(dst, p.Logprobs)
	}
	if s.req.ReturnTokens {
		dst = append(dst, `,"token_ids":`...)
		dst = output.AppendInts(dst, p.Tokens)
	}
	if from != nil {
		dst = appendSources(dst, from)
	}
	return append(dst, `,"finish_reason":null}]}`+"\n\n"...)
}

func appendDelta(dst []byte, e output.Event) []byte {
	switch e.Kind {
	case output.Content:
		dst = append(dst, `"content":`...)
		return output.AppendString(dst, e.Text)
	case output.Reasoning:
		dst = append(dst, `"reasoning_content":`...)
		return output.AppendString(dst, e.Text)
	case output.CallStart, output.CallDelta, output.CallEnd:
		dst = append(dst, `"tool_calls":[{"index":`...)
		dst = strconv.AppendInt(dst, int64(e.Call), 10)
		if e.Kind == output.CallStart {
			dst = append(dst, `,"id":`...)
			dst = output.AppendString(dst, e.ID)
			dst = append(dst, `,"type":"function","function":{"name":`...)
			dst = output.AppendString(dst, e.Name)
			return append(dst, `,"arguments":""}}]`...)
		}
		dst = append(dst, `,"function":{"arguments":`...)
		dst = output.AppendString(dst, e.Text)
		return append(dst, `}}]`...)
	}
	return dst
}

// Finish appends a choice's last chunk.
func (s *ChatStream) Finish(dst []byte, choice int, f output.Finish) []byte {
	dst = s.begin(dst, choice)
	dst = append(dst, `},"finish_reason":"`...)
	dst = append(dst, f.Reason...)
	dst = append(dst, '"')
	dst = appendStop(dst, f)
	return append(dst, `}]}`+"\n\n"...)
}

// appendStop names the stop string, as vLLM does.
func appendStop(dst []byte, f output.Finish) []byte {
	if f.Stop == "" {
		return dst
	}
	return output.AppendString(append(dst, `,"stop_reason":`...), f.Stop)
}

// Close appends the usage chunk, where the client wants one, and the end mark.
func (s *ChatStream) Close(dst []byte, u *output.Usage) []byte {
	if s.req.IncludeUsage || s.req.Provenance {
		dst = append(dst, s.head...)
		dst = append(dst, `,"choices":[],"usage":`...)
		dst = AppendUsage(dst, u)
		dst = appendTimings(dst, u)
		dst = append(appendDepths(dst, s.req, u), "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// Fail appends an error and the end mark.
func (s *ChatStream) Fail(dst []byte, e *request.Error) []byte { return appendFailure(dst, e) }

func appendFailure(dst []byte, e *request.Error) []byte {
	dst = AppendError(append(dst, "data: "...), e)
	return append(dst, "\n\ndata: [DONE]\n\n"...)
}

// AppendUsage appends the usage object of chat and completions.
func AppendUsage(dst []byte, u *output.Usage) []byte {
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), int64(u.Prompt), 10)
	dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), int64(u.Completion), 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), int64(u.Total()), 10)
	dst = strconv.AppendInt(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), int64(u.Cached), 10)
	dst = strconv.AppendInt(append(dst, `},"completion_tokens_details":{"reasoning_tokens":`...), int64(u.Reasoning), 10)
	return append(dst, `}}`...)
}

// appendTimings appends ,"timings":{...} in the names that local benchmarks read.
func appendTimings(dst []byte, u *output.Usage) []byte {
	prompt := u.FirstToken.Seconds()
	decode := (u.Elapsed - u.FirstToken).Seconds()
	dst = strconv.AppendInt(append(dst, `,"timings":{"cache_n":`...), int64(u.Cached), 10)
	dst = strconv.AppendInt(append(dst, `,"prompt_n":`...), int64(u.Prompt-u.Cached), 10)
	dst = output.AppendRate(append(dst, `,"prompt_ms":`...), 1000*prompt)
	dst = output.AppendRate(append(dst, `,"prompt_per_second":`...), rate(u.Prompt-u.Cached, prompt))
	dst = strconv.AppendInt(append(dst, `,"predicted_n":`...), int64(u.Completion), 10)
	dst = output.AppendRate(append(dst, `,"predicted_ms":`...), 1000*decode)
	dst = output.AppendRate(append(dst, `,"predicted_per_second":`...), u.DecodeRate())
	dst = strconv.AppendInt(append(dst, `,"draft_n":`...), int64(u.Drafted), 10)
	dst = strconv.AppendInt(append(dst, `,"draft_n_accepted":`...), int64(u.Accepted), 10)
	return append(dst, '}')
}

func rate(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// appendChatLogprobs appends {"content":[...]}.
func appendChatLogprobs(dst []byte, list []output.Token) []byte {
	dst = append(dst, `{"content":[`...)
	for i, t := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendToken(dst, t)
		dst = append(dst, `,"top_logprobs":[`...)
		for j, a := range t.Top {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendToken(dst, a), '}')
		}
		dst = append(dst, `]}`...)
	}
	return append(dst, `],"refusal":null}`...)
}

// appendToken appends {"token":...,"logprob":...,"bytes":[...] without the closing brace.
func appendToken(dst []byte, t output.Token) []byte {
	dst = output.AppendString(append(dst, `{"token":`...), t.Text)
	dst = output.AppendFloat(append(dst, `,"logprob":`...), t.Logprob)
	dst = append(dst, `,"bytes":[`...)
	for i := range len(t.Text) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(t.Text[i]), 10)
	}
	return append(dst, ']')
}
