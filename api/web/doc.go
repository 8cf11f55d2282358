// Package web holds the browser's pages: a chat at / and what the server does at /status. They are plain modules and
// style sheets, embedded as they are: no build step, no framework, no other host. Pages gives them to api.Config.
//
// The pages promise:
//
//  1. Text never becomes HTML. Markdown is drawn by createElement and text nodes (page/markdown), links lead to http,
//     https and mailto only, and the policy that api sends with them forbids scripts, styles and connections from
//     elsewhere, and every conversion of text to HTML (trusted types).
//  2. Conversations are kept in the browser (IndexedDB) and sent to this server only; an API key lives in the tab's
//     session storage. Editing a message or asking for another answer adds a branch; nothing is overwritten.
//  3. What an answer's tokens came from is drawn from "stream_options": {"include_mtplx": true}; see package openai.
//
// testdata/unit tests the modules under node; testdata/browser drives both pages in a headless Chromium.
package web
