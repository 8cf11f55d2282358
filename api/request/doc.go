// Package request is what every dialect of the HTTP surface asks for, in one shape: messages or prompts,
// tools, sampling, limits; and the errors that refuse it. api/openai and api/anthropic read their wire
// types into a Request; package api turns it into tokens and sessions.
//
// Object reads a body: Parse refuses what is not one well-formed JSON object within bounds, the typed
// readers name the field, its value and the range when something is wrong. A null counts as absent.
//
// A Request belongs to the handler that read it. Everything here is a pure function of its arguments.
package request
