package tune

import (
	"fmt"
	"slices"
	"strconv"

	"mtplx/bench/suites"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/qwen"
)

// mix is the default suite: prompts of these two, in turn.
const mix = "mix"

var mixed = [2]string{"coding", "prose"}

// prompts are the first n of a suite.
func prompts(suite string, n int) ([]suites.Prompt, error) {
	if suite != mix {
		all, err := suites.Open(suite)
		if err != nil {
			return nil, command.Usage(err, "besides, there is "+mix+", which is the default")
		}
		return all[:min(n, len(all))], nil
	}
	var parts [2][]suites.Prompt
	for i, name := range mixed {
		var err error
		if parts[i], err = suites.Load(name); err != nil {
			return nil, err
		}
	}
	var all []suites.Prompt
	for i := 0; len(all) < n && i < 2*min(len(parts[0]), len(parts[1])); i++ {
		all = append(all, parts[i%2][i/2])
	}
	return all, nil
}

// study is what a checkpoint and the machine leave to choose.
type study struct {
	head     bool
	vocab    bool // proposing from a part of the vocabulary saves something
	heads    []string
	devices  []string // that can be had
	threads  int      // that compute by default
	maxDepth int
}

// look reads a checkpoint's tables, and looks for devices.
func look(dir string, here *machine.Description, draftVocab int) (*study, error) {
	set, _, err := runtime.OpenSet(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
	ck, err := qwen.Load(set)
	if err != nil {
		return nil, runtime.LoadFailure(err)
	}
	s := &study{
		head: ck.MTP != nil, vocab: ck.DraftVocabulary(draftVocab) != 0, devices: runtime.Usable(), threads: here.Threads, maxDepth: command.MaxDepth,
	}
	own := false
	for _, bits := range []int{4, 0, 3} { // the profile's first
		if !ck.Requantises(bits) {
			if own {
				continue // 4 bits are what the model has
			}
			own = true
		}
		s.heads = append(s.heads, headName(bits))
	}
	return s, nil
}

func headName(bits int) string {
	if bits == 0 {
		return "off"
	}
	return strconv.Itoa(bits)
}

// space is what is tried: all there is, less what flags have decided.
func space(f *command.ModelFlags, depths []string, s *study) (tuning.Space, error) {
	sp := tuning.Space{Depths: []string{"auto"}, DraftHeads: s.heads, DraftVocabs: []string{f.DraftVocab}, Threads: []int{f.Threads}, Devices: []string{f.Device}}
	if !s.head {
		sp.DraftHeads = sp.DraftHeads[:1]
	} else {
		for _, d := range depths {
			n, err := command.ParseDepth(d)
			if err != nil {
				return sp, command.Usage(fmt.Errorf("--depths has %q", d), fmt.Sprintf("give auto, or 0 (plain decoding) to %d", command.MaxDepth))
			}
			if d != "auto" && !slices.Contains(sp.Depths, strconv.Itoa(n)) {
				sp.Depths = append(sp.Depths, strconv.Itoa(n))
			}
		}
		if f.DraftVocab == "auto" && s.vocab {
			sp.DraftVocabs = append(sp.DraftVocabs, "all")
		}
	}
	if f.DraftLMHead != "" {
		sp.DraftHeads = []string{f.DraftLMHead}
	}
	kind, _, err := runtime.ParseDevice(f.Device)
	if err != nil {
		return sp, err
	}
	switch {
	case kind == "cpu":
		sp.Threaded = []string{f.Device}
	case kind == "auto" && len(s.devices) == 1: // the CPU alone
		sp.Threaded = []string{f.Device}
	case kind == "auto":
		sp.Devices = append(sp.Devices, s.devices[1:]...) // the first is what auto takes
		sp.Threaded = []string{"cpu"}
	}
	if f.Threads == 0 && len(sp.Threaded) > 0 {
		sp.Threads = append(sp.Threads, threadCounts(s.threads)...)
	}
	return sp, nil
}

// threadCounts are numbers of threads that may do better than all: without the second threads of cores, and with some left
// to what else runs.
func threadCounts(all int) (counts []int) {
	for _, n := range []int{all / 2, 3 * all / 4, all - 1} {
		if n > 0 && n < all && !slices.Contains(counts, n) {
			counts = append(counts, n)
		}
	}
	return counts
}
