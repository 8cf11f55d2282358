// Command mtplx runs language models with native multi-token-prediction heads.
//
// Its subcommands are kong structs, one a file. They parse flags, call package runtime, print, and turn
// errors into one clear sentence and an exit code: 0 success, 1 general, 2 unusable input (flags, model,
// MTP tensors), 3 results that are not exact, 4 an unsupported architecture, 5 the environment, 6 too few
// resources (memory, disk, context), 7 an integration, 130 interrupted by Ctrl-C.
package main
