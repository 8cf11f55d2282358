// Package output turns the text that a model writes into what clients receive: thoughts, content and tool
// calls, as events while it is written (Splitter) or as one Choice at the end.
//
// Tags are found wherever chunks end: text that may be the beginning of a tag is held back until it is
// clear. Two notations of tool calls are understood, both inside <tool_call>: Qwen's XML
// (<function=name><parameter=key>value...) and Hermes' JSON ({"name": ..., "arguments": ...}). A call
// is streamed as soon as its name is known to be a tool of the request: name first, then its arguments
// as pieces of one JSON object. Values of Qwen's notation get the type that the tool's schema gives them.
// What is no call of a known tool stays content, tags included; nothing the model wrote is lost.
//
// A Splitter belongs to one goroutine.
package output
