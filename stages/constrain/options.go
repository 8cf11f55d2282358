package constrain

// Options say which of the valid spellings of a value are left to the model. The zero value is the default.
//
// Whatever they are, JSON is written this way: properties in the order of the schema, required and optional ones
// alike, then additional ones; a string of an enum, a const, a key, or one with a pattern or a format is escaped only
// where it must be, and then in one way; integers have at most 18 digits and no exponent, numbers at most 18 and 17
// behind the point. A key that additionalProperties allows is never one of the named ones.
type Options struct {
	// JSON says where white space may stand.
	JSON Whitespace
	// OpenObjects lets objects whose schema names properties, and arrays whose schema has prefixItems, have others
	// where additionalProperties (items) is absent, as the standard says. By default they are closed, as clients of
	// structured output expect: a model that may add properties does.
	OpenObjects bool
	// CacheBytes bounds the masks kept by the compiler; 0 means 64 MiB.
	CacheBytes int
}

// Whitespace says where white space may stand in JSON.
type Whitespace uint8

const (
	// Spaced allows one space after a colon and after a comma, or none: what models are trained to write.
	Spaced Whitespace = iota
	// Compact allows none.
	Compact
	// Indented allows, beyond Spaced, a new line with at most 32 spaces or tabs behind brackets and commas.
	Indented
)
