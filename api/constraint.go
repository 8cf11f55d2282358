package api

import (
	"mtplx/api/request"
	"mtplx/stages"
)

// constraint compiles what a request's answer must look like; nil where it is free.
func (s *Server) constraint(r *request.Request) (stages.Constraint, error) {
	g := Grammar{Format: r.Format, Thoughts: s.prompts.thoughts, Parallel: r.Parallel}
	field := r.Format.Field
	switch r.ToolMode {
	case request.ToolsRequired:
		g.Tools = r.Tools
	case request.ToolsNamed:
		for _, t := range r.Tools {
			if t.Name == r.ToolName {
				g.Tools = []request.Tool{t}
			}
		}
	case request.ToolsAuto, request.ToolsNone:
	}
	if g.Tools != nil {
		field = "tool_choice"
	}
	if g.Tools == nil && g.Format.Kind == request.Text {
		return nil, nil
	}
	if s.cfg.Model.Grammars == nil {
		return nil, request.Errorf(field, "%s asks for structured output, which this server does not offer", field)
	}
	c, err := s.cfg.Model.Grammars.Compile(g)
	if err != nil {
		return nil, request.Errorf(field, "%s cannot be used: %v", field, err)
	}
	return c, nil
}
