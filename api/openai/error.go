package openai

import (
	"strconv"

	"mtplx/api/output"
	"mtplx/api/request"
)

type shape struct {
	status int
	kind   string
	code   string
}

var shapes = map[request.Kind]shape{
	request.Invalid:          {400, "invalid_request_error", ""},
	request.TooLong:          {400, "invalid_request_error", "context_length_exceeded"},
	request.Unauthorised:     {401, "authentication_error", "invalid_api_key"},
	request.Forbidden:        {403, "permission_error", ""},
	request.NotFound:         {404, "not_found_error", "not_found"},
	request.MethodNotAllowed: {405, "invalid_request_error", "method_not_allowed"},
	request.BodyTooLarge:     {413, "invalid_request_error", "request_too_large"},
	request.BadMediaType:     {415, "invalid_request_error", "unsupported_media_type"},
	request.TimedOut:         {408, "invalid_request_error", "request_timeout"},
	request.HeadersTooLarge:  {431, "invalid_request_error", "headers_too_large"},
	request.RateLimited:      {429, "rate_limit_error", "rate_limit_exceeded"},
	request.Overloaded:       {503, "overloaded_error", "server_overloaded"},
	request.Draining:         {503, "service_unavailable_error", "shutting_down"},
	request.Internal:         {500, "server_error", "internal_error"},
}

// Status is an error's HTTP status.
func Status(e *request.Error) int { return shapes[e.Kind].status }

// AppendError appends {"error":{...}}.
func AppendError(dst []byte, e *request.Error) []byte {
	s := shapes[e.Kind]
	code := s.code
	if e.Code != "" {
		code = e.Code
	}
	dst = append(dst, `{"error":{"message":`...)
	dst = output.AppendString(dst, e.Message)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, s.kind...)
	dst = append(dst, `","param":`...)
	dst = appendOptional(dst, e.Field)
	dst = append(dst, `,"code":`...)
	dst = appendOptional(dst, code)
	if e.Kind == request.TooLong {
		dst = strconv.AppendInt(append(dst, `,"n_prompt_tokens":`...), int64(e.Prompt), 10)
		dst = strconv.AppendInt(append(dst, `,"n_ctx":`...), int64(e.Context), 10)
	}
	if e.Position > 0 {
		dst = strconv.AppendInt(append(dst, `,"queue_position":`...), int64(e.Position), 10)
	}
	return append(dst, `}}`...)
}

// appendOptional appends a string, or null for "".
func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return output.AppendString(dst, s)
}
