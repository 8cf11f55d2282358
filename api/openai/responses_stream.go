package openai

import (
	"strconv"

	"mtplx/api/output"
	"mtplx/api/request"
)

// ResponseStream writes the events of /v1/responses: response.created and in_progress, then for each item
// added, deltas and done, then response.completed, incomplete or failed. Events are numbered.
type ResponseStream struct {
	meta   output.Meta
	req    *request.Object
	newID  func() string
	seq    int
	index  int    // of the open item, or the next
	open   item   // kind noItem: none
	items  []byte // what is done, as JSON
	finish output.Finish
}

// NewResponseStream starts a stream; newID names items.
func NewResponseStream(m output.Meta, o *request.Object, newID func() string) *ResponseStream {
	return &ResponseStream{meta: m, req: o, newID: newID}
}

// event begins an event; the caller appends further fields and the end.
func (s *ResponseStream) event(dst []byte, name string) []byte {
	dst = append(append(dst, "event: "...), name...)
	dst = append(append(dst, "\ndata: {\"type\":\""...), name...)
	dst = strconv.AppendInt(append(dst, `","sequence_number":`...), int64(s.seq), 10)
	s.seq++
	return dst
}

const eventEnd = "}\n\n"

// place appends which item and part an event is about.
func (s *ResponseStream) place(dst []byte, part bool) []byte {
	dst = output.AppendString(append(dst, `,"item_id":`...), s.open.fullID())
	dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(s.index), 10)
	if part {
		dst = append(dst, `,"content_index":0`...)
	}
	return dst
}

func (s *ResponseStream) response(dst []byte, name, status, incomplete string, u *output.Usage, e *request.Error) []byte {
	dst = append(s.event(dst, name), `,"response":`...)
	dst = appendResponse(dst, s.meta, s.req, status, incomplete, s.items, u, e)
	return append(dst, eventEnd...)
}

// Open appends the first two events.
func (s *ResponseStream) Open(dst []byte) []byte {
	dst = s.response(dst, "response.created", "in_progress", "", nil, nil)
	return s.response(dst, "response.in_progress", "in_progress", "", nil, nil)
}

// Piece appends the events of a piece.
func (s *ResponseStream) Piece(dst []byte, _ int, p output.Piece) []byte {
	for _, e := range p.Events {
		switch e.Kind {
		case output.Content:
			dst = s.enter(dst, messageItem)
			dst = s.delta(dst, "response.output_text.delta", e.Text)
		case output.Reasoning:
			dst = s.enter(dst, reasoningItem)
			dst = s.delta(dst, "response.reasoning_text.delta", e.Text)
		case output.CallStart:
			dst = s.leave(dst, "completed")
			dst = s.begin(dst, item{kind: callItem, name: e.Name, call: e.ID})
		case output.CallDelta:
			dst = s.delta(dst, "response.function_call_arguments.delta", e.Text)
		case output.CallEnd:
			dst = s.leave(dst, "completed")
		}
	}
	return dst
}

func (s *ResponseStream) enter(dst []byte, k itemKind) []byte {
	if s.open.kind == k {
		return dst
	}
	return s.begin(s.leave(dst, "completed"), item{kind: k})
}

func (s *ResponseStream) begin(dst []byte, it item) []byte {
	it.id, it.status = s.newID(), "in_progress"
	s.open = it
	dst = s.event(dst, "response.output_item.added")
	dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(s.index), 10)
	dst = it.append(append(dst, `,"item":`...))
	dst = append(dst, eventEnd...)
	if it.kind == callItem {
		return dst
	}
	dst = s.place(s.event(dst, "response.content_part.added"), true)
	dst = it.appendPart(append(dst, `,"part":`...))
	return append(dst, eventEnd...)
}

func (s *ResponseStream) delta(dst []byte, name, text string) []byte {
	s.open.text += text
	dst = s.place(s.event(dst, name), s.open.kind != callItem)
	dst = output.AppendString(append(dst, `,"delta":`...), text)
	if s.open.kind == messageItem {
		dst = append(dst, `,"logprobs":[]`...)
	}
	return append(dst, eventEnd...)
}

// leave ends the open item.
func (s *ResponseStream) leave(dst []byte, status string) []byte {
	it := &s.open
	switch it.kind {
	case noItem:
		return dst
	case callItem:
		dst = s.place(s.event(dst, "response.function_call_arguments.done"), false)
		dst = output.AppendString(append(dst, `,"name":`...), it.name)
		dst = output.AppendString(append(dst, `,"arguments":`...), it.text)
		dst = append(dst, eventEnd...)
	case messageItem:
		dst = s.place(s.event(dst, "response.output_text.done"), true)
		dst = output.AppendString(append(dst, `,"text":`...), it.text)
		dst = append(dst, `,"logprobs":[]`+eventEnd...)
	case reasoningItem:
		dst = s.place(s.event(dst, "response.reasoning_text.done"), true)
		dst = output.AppendString(append(dst, `,"text":`...), it.text)
		dst = append(dst, eventEnd...)
	}
	if it.kind != callItem {
		dst = s.place(s.event(dst, "response.content_part.done"), true)
		dst = it.appendPart(append(dst, `,"part":`...))
		dst = append(dst, eventEnd...)
	}
	it.status = status
	if s.index > 0 {
		s.items = append(s.items, ',')
	}
	from := len(s.items)
	s.items = it.append(s.items)
	dst = s.event(dst, "response.output_item.done")
	dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(s.index), 10)
	dst = append(append(dst, `,"item":`...), s.items[from:]...)
	s.index++
	s.open = item{}
	return append(dst, eventEnd...)
}

// Finish ends the open item; a response without any has an empty message.
func (s *ResponseStream) Finish(dst []byte, _ int, f output.Finish) []byte {
	s.finish = f
	if s.index == 0 && s.open.kind == noItem {
		dst = s.enter(dst, messageItem)
	}
	status, _ := ending(f)
	return s.leave(dst, status)
}

// Close appends the last event.
func (s *ResponseStream) Close(dst []byte, u *output.Usage) []byte {
	status, incomplete := ending(s.finish)
	return s.response(dst, "response."+status, status, incomplete, u, nil)
}

// Fail appends response.failed.
func (s *ResponseStream) Fail(dst []byte, e *request.Error) []byte {
	return s.response(dst, "response.failed", "failed", "", nil, e)
}
