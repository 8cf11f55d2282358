// Package chat renders conversations into prompts through a model's own chat template.
//
// Templates are written in Jinja2 and made for transformers, so this package runs the part of Jinja2
// that chat templates use, in the configuration of transformers: trim_blocks and lstrip_blocks on, no
// autoescaping, the immutable sandbox, break and continue, the generation tag, tojson as json.dumps,
// raise_exception and strftime_now. A render gives the bytes that Jinja2 3.1 gives; the fixtures under
// testdata hold what Jinja2 itself made, and testdata/gen/gen.py makes them.
//
// Supported are if, for (with if, else, recursive), set and its block, macro, call, filter, with, print,
// raw, comments and whitespace control; all operators; the methods of str, list, dict and range that
// change nothing; all tests; all filters but filesizeformat, pprint, random, striptags, urlize, wordwrap
// and xmlattr. Not supported, and an error that shows the line, are block, extends, include, import,
// autoescape, do, trans and attributes of Python's types beyond their methods. Known differences: integers
// have 64 bits (longer ones from JSON are kept and printed, and arithmetic on them is an error, never a
// wrong number); map, select and the like do their work at once; addresses in the printed form of functions
// and generators are left out.
//
// A template comes with a checkpoint, so it is not trusted. A render has bounds on steps, memory, output
// and nesting, and what goes beyond them ends in ErrLimit within about a second. Nothing in a template
// reaches files, the network or the process.
//
// A Template never changes and may be used by any number of goroutines. Programs open one with Parse when
// they load a checkpoint (and With, for its special tokens), or take Fallback; servers and commands call
// RenderChat for each request. What a model writes back is parsed elsewhere.
package chat
