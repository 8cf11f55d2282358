package tuning

import (
	"fmt"
	"slices"
	"strings"
)

// Settings are what runs differ in. A value is written as its flag takes it.
type Settings struct {
	Depth      string `json:"depth"`
	DraftHead  string `json:"draft_lm_head"`
	DraftVocab string `json:"draft_vocab"`
	Threads    int    `json:"threads"` // 0: all
	Device     string `json:"device"`
}

// Plain is the settings without drafts.
func (s Settings) Plain() Settings {
	s.Depth = "0"
	return s
}

// Engine is the part that an opened model keeps: all but the depth, which each request may choose.
func (s Settings) Engine() Settings {
	s.Depth = ""
	return s
}

// String says the settings in a few words.
func (s Settings) String() string {
	parts := []string{"depth " + s.Depth}
	if s.Depth == "0" {
		parts[0] = "no drafts"
	} else {
		head := s.DraftHead + "-bit head"
		if s.DraftHead == "off" {
			head = "the model's own head"
		}
		parts = append(parts, head)
		if s.DraftVocab != "auto" {
			parts = append(parts, "vocabulary "+s.DraftVocab)
		}
	}
	switch s.Threads {
	case 0:
	case 1:
		parts = append(parts, "1 thread")
	default:
		parts = append(parts, fmt.Sprintf("%d threads", s.Threads))
	}
	if s.Device != "auto" {
		parts = append(parts, s.Device)
	}
	return strings.Join(parts, ", ")
}

// Space is the values that are tried, the default first in each list. No list is empty.
type Space struct {
	Depths      []string
	DraftHeads  []string
	DraftVocabs []string
	Threads     []int
	Devices     []string
	// Threaded are the devices on which the number of threads counts.
	Threaded []string
}

// Default is what a run without tuning takes.
func (s *Space) Default() Settings {
	return Settings{s.Depths[0], s.DraftHeads[0], s.DraftVocabs[0], s.Threads[0], s.Devices[0]}
}

// Candidates are all other settings, each once: what cannot matter, such as the draft head without drafts, is the
// default's. Those that differ in one thing come first.
func (s *Space) Candidates() []Settings {
	def := s.Default()
	seen := map[Settings]bool{def: true}
	var all []Settings
	for _, device := range s.Devices {
		for _, threads := range s.Threads {
			for _, vocab := range s.DraftVocabs {
				for _, head := range s.DraftHeads {
					for _, depth := range s.Depths {
						c := Settings{depth, head, vocab, threads, device}
						if depth == "0" {
							c.DraftHead, c.DraftVocab = def.DraftHead, def.DraftVocab
						}
						if !slices.Contains(s.Threaded, device) {
							c.Threads = def.Threads
						}
						if !seen[c] {
							seen[c] = true
							all = append(all, c)
						}
					}
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Settings) int { return len(changes(a, def)) - len(changes(b, def)) })
	return all
}

// changes are the settings that differ from the default in one of the things in which s does, each.
func changes(s, def Settings) (single []Settings) {
	add := func(differs bool, c Settings) {
		if differs {
			single = append(single, c)
		}
	}
	one := def
	one.Depth = s.Depth
	add(s.Depth != def.Depth, one)
	one = def
	one.DraftHead = s.DraftHead
	add(s.DraftHead != def.DraftHead, one)
	one = def
	one.DraftVocab = s.DraftVocab
	add(s.DraftVocab != def.DraftVocab, one)
	one = def
	one.Threads = s.Threads
	add(s.Threads != def.Threads, one)
	one = def
	one.Device = s.Device
	add(s.Device != def.Device, one)
	return single
}
