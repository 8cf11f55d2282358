package cooling

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Governor is Linux's choice of clocks: raised, every core has the governor performance.
type Governor struct {
	Root string // where the system's files lie: /, or a folder with those of the host
}

const (
	governorFiles = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"
	fastest       = "performance"
)

// Describe implements Control.
func (g *Governor) Describe() Description { return Description{"governor", g.Root} }

// Before implements Control: the governor of each core.
func (g *Governor) Before() (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(g.Root, governorFiles))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: %w", governorFiles, fs.ErrNotExist)
	}
	before := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		before[f] = strings.TrimSpace(string(data))
	}
	return before, nil
}

// Raise implements Control. Cores that have the fastest already are not written to.
func (g *Governor) Raise(ctx context.Context) error {
	slow, err := g.slow()
	if err != nil || len(slow) == 0 {
		return err
	}
	for f := range slow {
		slow[f] = fastest
	}
	return g.Release(ctx, slow)
}

// slow are the governors that are not the fastest.
func (g *Governor) slow() (map[string]string, error) {
	all, err := g.Before()
	maps.DeleteFunc(all, func(_, name string) bool { return name == fastest })
	return all, err
}

// Release implements Control: each core gets the governor that it had. One whose files are gone has been taken out.
func (g *Governor) Release(ctx context.Context, before map[string]string) error {
	if before == nil {
		var err error
		if before, err = g.defaults(); err != nil {
			return err
		}
	}
	for _, f := range slices.Sorted(maps.Keys(before)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if ok, _ := filepath.Match(filepath.Join(g.Root, governorFiles), f); !ok {
			return fmt.Errorf("%q is no governor's file under %s", f, g.Root) // a file that was tampered with leads nowhere else
		}
		file, err := os.OpenFile(f, os.O_WRONLY|os.O_TRUNC, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = file.WriteString(before[f])
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// defaults are the governors that the kernel begins with, for when what cores had is not known.
func (g *Governor) defaults() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(g.Root, "sys/module/cpufreq/parameters/default_governor"))
	if err != nil {
		return nil, fmt.Errorf("it is not known what governors the cores had: %w", err)
	}
	name := strings.TrimSpace(string(data))
	all, err := g.Before()
	for f := range all {
		all[f] = name
	}
	return all, err
}

// Status implements Control.
func (g *Governor) Status(_ context.Context, before map[string]string) (*Status, error) {
	now, err := g.Before()
	if err != nil {
		return nil, err
	}
	s := &Status{Raised: true, Released: true, Governors: map[string]int{}}
	for f, name := range now {
		s.Governors[printable(name)]++
		s.Raised = s.Raised && name == fastest
		if want, ok := before[f]; ok {
			s.Released = s.Released && name == want
		}
	}
	s.Reached = s.Raised
	return s, nil
}

// settable says why governors cannot be raised, or nil.
func (g *Governor) settable() error {
	slow, err := g.slow()
	if err != nil {
		return err
	}
	for f := range slow {
		file, err := os.OpenFile(f, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return file.Close()
	}
	return nil
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
