package anthropic

import (
	"fmt"

	"mtplx/api/output"
	"mtplx/api/request"
)

var shapes = map[request.Kind]struct {
	status int
	kind   string
}{
	request.Invalid:          {400, "invalid_request_error"},
	request.TooLong:          {400, "invalid_request_error"},
	request.Unauthorised:     {401, "authentication_error"},
	request.Forbidden:        {403, "permission_error"},
	request.NotFound:         {404, "not_found_error"},
	request.MethodNotAllowed: {405, "invalid_request_error"},
	request.BodyTooLarge:     {413, "request_too_large"},
	request.BadMediaType:     {415, "invalid_request_error"},
	request.TimedOut:         {408, "invalid_request_error"},
	request.HeadersTooLarge:  {431, "invalid_request_error"},
	request.RateLimited:      {429, "rate_limit_error"},
	request.Overloaded:       {529, "overloaded_error"},
	request.Draining:         {503, "overloaded_error"},
	request.Internal:         {500, "api_error"},
}

// Status is an error's HTTP status.
func Status(e *request.Error) int { return shapes[e.Kind].status }

// AppendError appends {"type":"error","error":{...}}. id is the request's.
func AppendError(dst []byte, e *request.Error, id string) []byte {
	message := e.Message
	if e.Kind == request.TooLong { // the words that clients of this dialect look for
		message = fmt.Sprintf("prompt is too long: %d tokens > %d maximum", e.Prompt, e.Context-1)
	}
	dst = append(dst, `{"type":"error","error":{"type":"`...)
	dst = append(dst, shapes[e.Kind].kind...)
	dst = output.AppendString(append(dst, `","message":`...), message)
	dst = append(dst, '}')
	if id != "" {
		dst = output.AppendString(append(dst, `,"request_id":`...), id)
	}
	return append(dst, '}')
}
