package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/logs"
	"mtplx/cmd/mtplx/redact"
	"mtplx/cmd/mtplx/runtime"
)

// kept is the log that a server keeps in a file; nil where it keeps none.
type kept struct {
	log  *slog.Logger
	file *logs.File
}

// loggers are the server's log, to w and to the file that it keeps, and that file alone.
func (c *serveCmd) loggers(w io.Writer) (*slog.Logger, *kept) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of four names
	o := &slog.HandlerOptions{Level: level}
	var shown slog.Handler = slog.NewTextHandler(w, o)
	if c.LogFormat == "json" {
		shown = slog.NewJSONHandler(w, o)
	}
	if !c.LogFile {
		return slog.New(shown), nil
	}
	lost := func(err error) {
		fmt.Fprintf(w, "mtplx: no log is kept: %v\n", runtime.Unwritten(err, "make that directory writable or set MTPLX_HOME, or give --no-log-file"))
	}
	home, err := command.Home()
	if err != nil {
		lost(err)
		return slog.New(shown), nil
	}
	file, err := logs.Open(filepath.Join(home, "logs"), "serve", redact.Mine(os.Getenv), lost)
	if err != nil {
		lost(err)
		return slog.New(shown), nil
	}
	// What was normal tells what was not, so the file has it even when it is not shown.
	alone := slog.NewTextHandler(file, &slog.HandlerOptions{Level: min(level, slog.LevelInfo), ReplaceAttr: withoutPrompts})
	k := &kept{slog.New(alone), file}
	k.log.Info("mtplx begins to serve", "version", command.Version, "process", os.Getpid())
	return slog.New(slog.NewMultiHandler(shown, alone)), k
}

// withoutPrompts leaves out what --log-prompts adds: the file goes into bundles.
func withoutPrompts(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains([]string{"messages", "prompts"}, a.Key) {
		return slog.Attr{}
	}
	return a
}

// end writes how the server ended.
func (k *kept) end(err error) {
	if k == nil {
		return
	}
	if err != nil {
		k.log.Error("mtplx ends", "error", err)
	} else {
		k.log.Info("mtplx ends")
	}
	_ = k.file.Close() // what could not be written was told
}
