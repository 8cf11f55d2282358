// Package chat renders conversations into prompts through a model's own chat template.
//
// Templates are written in Jinja2 and made for transformers, so this package runs the part of Jinja2
// that chat templates use, in the configuration of transformers: trim_blocks and lstrip_blocks on, no
// autoescaping, the immutable sandbox, break and continue, the generation tag, tojson as json.dumps,
// raise_exception and strftime_now. A render gives the same bytes as Jinja2 3.1; the fixtures under
// testdata hold what Jinja2 itself made.
//
// Supported: if, for (with if, else, recursive), set, set blocks, macro, call, filter, with, print, raw,
// comments and whitespace control; all operators; the methods of str, list and dict that change nothing;
// all tests; all filters but random, pprint, urlize, striptags, xmlattr, filesizeformat, escape and its
// kin, wordwrap. Not supported, and an error that names the line: block, extends, include, import,
// autoescape, do, trans. Integers have 64 bits; longer ones from JSON are kept and printed, and
// arithmetic on them is an error rather than a wrong number.
//
// A template comes with a checkpoint, so it is not trusted: a render has bounds on steps, memory, output
// and nesting, and what goes beyond ends in ErrLimit within about a second. Nothing in a template
// reaches files, the network or the process.
//
// A Template never changes and may be used by any number of goroutines. The program opens one with Parse
// when it loads a checkpoint, or takes Fallback; servers and commands call RenderChat for each request.
package chat
