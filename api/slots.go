package api

import (
	"slices"

	"mtplx/api/request"
)

// slots is GET /slots, as llama.cpp's server has it for those who spread load: one entry for each answer that can be written
// at once. With fail_on_no_slot=1 a server that has none to spare says so by its status.
func (s *Server) slots(c *call) error {
	running, waiting := s.queue.counts()
	if string(c.QueryArgs().Peek("fail_on_no_slot")) == "1" && running >= s.cfg.Running {
		return &request.Error{Kind: request.Overloaded, RetryAfter: 1, Position: waiting + 1, Message: "no slot is available: " + itoa(running) + " answers are being written"}
	}
	type slot struct {
		ID         int    `json:"id"`
		Context    int    `json:"n_ctx"`
		Processing bool   `json:"is_processing"`
		Task       string `json:"id_task,omitempty"`
		Prompt     int    `json:"n_prompt_tokens,omitempty"`
		Decoded    int    `json:"n_decoded,omitempty"`
	}
	flights := s.queue.list()
	slices.SortFunc(flights, func(a, b *flight) int { return a.Started.Compare(b.Started) })
	list := make([]slot, 0, s.cfg.Running)
	for _, f := range flights {
		f.mu.Lock()
		decoded := f.completed
		f.mu.Unlock()
		for range f.Sessions {
			if len(list) < s.cfg.Running {
				list = append(list, slot{len(list), s.cfg.Model.Context, true, f.ID, f.Prompt, decoded})
			}
		}
	}
	for len(list) < s.cfg.Running {
		list = append(list, slot{ID: len(list), Context: s.cfg.Model.Context})
	}
	return c.encode(list)
}

// props is GET /props, as llama.cpp's server has it: what clients ask before they begin.
func (s *Server) props(c *call) error {
	p := s.cfg.Defaults.Sampler
	return c.encode(map[string]any{
		"default_generation_settings": map[string]any{
			"n_ctx":  s.cfg.Model.Context,
			"params": map[string]any{"temperature": p.Temperature, "top_p": p.TopP, "top_k": p.TopK, "min_p": p.MinP},
		},
		"total_slots": s.cfg.Running, "model_alias": s.cfg.Model.Name, "build_info": "mtplx " + s.cfg.Version,
		"modalities": map[string]bool{"vision": false, "audio": false},
	})
}
