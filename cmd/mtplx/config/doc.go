// Package config gives flags their values from config.toml and the environment, shows where each came from, and edits the file.
//
// A value counts in this order: command line, environment, file, what a Below gives (for profile tuned, what was measured),
// default. In the file a key is a flag's name, at the top for
// every command that has the flag or in a table named after a command ([serve], [bench.run]), which goes first. A file that
// cannot be understood is refused as a whole, with the line, the key and the nearest right one: nothing in it is ignored.
//
// Edits keep every line but those of the key, and are refused when what they would leave does not read back as intended. A
// file is replaced in one step and is its owner's alone. Two edits at the same moment may lose one of the two.
package config
