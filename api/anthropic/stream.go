package anthropic

import (
	"strconv"

	"mtplx/api/output"
	"mtplx/api/request"
)

// Ping is what a stream sends while nothing else happens.
var Ping = []byte("event: ping\ndata: {\"type\":\"ping\"}\n\n")

// block is what a content block holds.
type block uint8

const (
	none block = iota
	text
	thoughts
	toolUse
)

// Stream writes a message's events: message_start, then for each block its start, deltas and stop, then
// message_delta and message_stop.
type Stream struct {
	meta   output.Meta
	prompt int
	block  block // which is open
	index  int   // of the next block
	finish output.Finish
}

// NewStream starts the stream of a message whose prompt has so many tokens.
func NewStream(m output.Meta, prompt int) *Stream { return &Stream{meta: m, prompt: prompt} }

// Open appends message_start.
func (s *Stream) Open(dst []byte) []byte {
	dst = append(dst, `event: message_start`+"\n"+`data: {"type":"message_start","message":{"id":`...)
	dst = output.AppendString(dst, s.meta.ID)
	dst = output.AppendString(append(dst, `,"type":"message","role":"assistant","model":`...), s.meta.Model)
	dst = append(dst, `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":`...)
	dst = appendUsage(dst, &output.Usage{Prompt: s.prompt})
	dst = append(dst, "}}\n\n"...)
	return append(dst, Ping...)
}

// Piece appends the events of a piece.
func (s *Stream) Piece(dst []byte, _ int, p output.Piece) []byte {
	for _, e := range p.Events {
		switch e.Kind {
		case output.Content:
			dst = s.enter(dst, text)
			dst = s.delta(dst, `text_delta","text":`, e.Text)
		case output.Reasoning:
			dst = s.enter(dst, thoughts)
			dst = s.delta(dst, `thinking_delta","thinking":`, e.Text)
		case output.CallStart:
			dst = s.leave(dst)
			dst = s.start(dst)
			dst = append(dst, `{"type":"tool_use","id":`...)
			dst = output.AppendString(dst, e.ID)
			dst = output.AppendString(append(dst, `,"name":`...), e.Name)
			dst = append(dst, `,"input":{}}}`+"\n\n"...)
			s.block = toolUse
		case output.CallDelta:
			dst = s.delta(dst, `input_json_delta","partial_json":`, e.Text)
		case output.CallEnd:
			dst = s.leave(dst)
		}
	}
	return dst
}

// enter makes sure that a block of the given kind is open.
func (s *Stream) enter(dst []byte, b block) []byte {
	if s.block == b {
		return dst
	}
	dst = s.start(s.leave(dst))
	if b == text {
		dst = append(dst, `{"type":"text","text":""}}`+"\n\n"...)
	} else {
		dst = append(dst, `{"type":"thinking","thinking":"","signature":""}}`+"\n\n"...)
	}
	s.block = b
	return dst
}

func (s *Stream) start(dst []byte) []byte {
	dst = append(dst, "event: content_block_start\n"+`data: {"type":"content_block_start","index":`...)
	dst = strconv.AppendInt(dst, int64(s.index), 10)
	return append(dst, `,"content_block":`...)
}

func (s *Stream) delta(dst []byte, kind, value string) []byte {
	dst = append(dst, "event: content_block_delta\n"+`data: {"type":"content_block_delta","index":`...)
	dst = strconv.AppendInt(dst, int64(s.index), 10)
	dst = append(dst, `,"delta":{"type":"`...)
	dst = append(dst, kind...)
	dst = output.AppendString(dst, value)
	return append(dst, "}}\n\n"...)
}

// signature stands where the vendor signs thoughts; clients want one that is not empty.
const signature = "mtplx"

// leave closes the open block.
func (s *Stream) leave(dst []byte) []byte {
	if s.block == none {
		return dst
	}
	if s.block == thoughts {
		dst = s.delta(dst, `signature_delta","signature":`, signature)
	}
	dst = append(dst, "event: content_block_stop\n"+`data: {"type":"content_block_stop","index":`...)
	dst = strconv.AppendInt(dst, int64(s.index), 10)
	s.block = none
	s.index++
	return append(dst, "}\n\n"...)
}

// Finish closes what is open; why the answer ended comes with Close.
func (s *Stream) Finish(dst []byte, _ int, f output.Finish) []byte {
	s.finish = f
	if s.index == 0 && s.block == none { // an answer without text has one block all the same
		dst = s.enter(dst, text)
	}
	return s.leave(dst)
}

// Close appends message_delta and message_stop.
func (s *Stream) Close(dst []byte, u *output.Usage) []byte {
	dst = append(dst, "event: message_delta\n"+`data: {"type":"message_delta","delta":{"stop_reason":`...)
	dst = appendStop(dst, s.finish)
	dst = append(dst, `},"usage":`...)
	dst = appendUsage(dst, u)
	dst = append(dst, "}\n\n"...)
	return append(dst, "event: message_stop\n"+`data: {"type":"message_stop"}`+"\n\n"...)
}

// Fail appends an error event.
func (s *Stream) Fail(dst []byte, e *request.Error) []byte {
	dst = AppendError(append(dst, "event: error\ndata: "...), e, "")
	return append(dst, "\n\n"...)
}

// appendStop appends stop_reason's value and stop_sequence.
func appendStop(dst []byte, f output.Finish) []byte {
	reason := map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[f.Reason]
	if f.Stop != "" && f.Reason == "stop" {
		dst = append(dst, `"stop_sequence","stop_sequence":`...)
		return output.AppendString(dst, f.Stop)
	}
	dst = append(dst, '"')
	dst = append(dst, reason...)
	return append(dst, `","stop_sequence":null`...)
}

// appendUsage appends the usage object, in which input_tokens and cache_read_input_tokens are disjoint.
func appendUsage(dst []byte, u *output.Usage) []byte {
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), int64(u.Prompt-u.Cached), 10)
	dst = strconv.AppendInt(append(dst, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":`...), int64(u.Cached), 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens":`...), int64(u.Completion), 10)
	return append(dst, '}')
}

// AppendMessage appends a whole message.
func AppendMessage(dst []byte, m output.Meta, c *output.Choice, u *output.Usage) []byte {
	dst = output.AppendString(append(dst, `{"id":`...), m.ID)
	dst = output.AppendString(append(dst, `,"type":"message","role":"assistant","model":`...), m.Model)
	dst = append(dst, `,"content":[`...)
	comma := ""
	if c.Reasoning != "" {
		dst = output.AppendString(append(dst, `{"type":"thinking","thinking":`...), c.Reasoning)
		dst = append(dst, `,"signature":"`+signature+`"}`...)
		comma = ","
	}
	if c.Content != "" || len(c.Calls) == 0 {
		dst = output.AppendString(append(append(dst, comma...), `{"type":"text","text":`...), c.Content)
		dst = append(dst, '}')
		comma = ","
	}
	for _, k := range c.Calls {
		dst = output.AppendString(append(append(dst, comma...), `{"type":"tool_use","id":`...), k.ID)
		dst = output.AppendString(append(dst, `,"name":`...), k.Name)
		dst = append(dst, `,"input":`...)
		if request.ValidObject(k.Arguments) {
			dst = append(dst, k.Arguments...)
		} else { // cut off by the budget
			dst = append(dst, `{}`...)
		}
		dst = append(dst, '}')
		comma = ","
	}
	dst = append(dst, `],"stop_reason":`...)
	dst = appendStop(dst, c.Finish)
	dst = append(dst, `,"usage":`...)
	return append(appendUsage(dst, u), '}')
}
