package openai

import (
	"strconv"

	"mtplx/api/output"
)

// AppendModel appends one model, with its context length under the names that clients read.
func AppendModel(dst []byte, id string, created int64, context int) []byte {
	dst = output.AppendString(append(dst, `{"id":`...), id)
	dst = strconv.AppendInt(append(dst, `,"object":"model","created":`...), created, 10)
	dst = append(dst, `,"owned_by":"mtplx"`...)
	for _, name := range []string{"context_length", "max_context_length", "max_model_len", "context_window"} {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		dst = strconv.AppendInt(dst, int64(context), 10)
	}
	return append(dst, '}')
}

// AppendModels appends the list of models: as OpenAI writes it, and once more as "models", which is
// where Codex looks.
func AppendModels(dst []byte, ids []string, created int64, context int, thoughts bool) []byte {
	dst = append(dst, `{"object":"list","data":[`...)
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendModel(dst, id, created, context)
	}
	dst = append(dst, `],"models":[`...)
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = output.AppendString(append(dst, `{"slug":`...), id)
		dst = output.AppendString(append(dst, `,"display_name":`...), id)
		dst = append(dst, `,"description":"served by mtplx","supported_reasoning_levels":[`...)
		if thoughts {
			dst = append(dst, `{"effort":"medium","description":"the model thinks first"}`...)
		}
		dst = append(dst, `],"shell_type":"shell_command","visibility":"list","supported_in_api":true,"priority":1,"upgrade":null,"base_instructions":"","supports_reasoning_summaries":false,"support_verbosity":false,"default_verbosity":null,"apply_patch_tool_type":null,"truncation_policy":{"mode":"tokens","limit":10000},"supports_parallel_tool_calls":true,"experimental_supported_tools":[],"input_modalities":["text"],"context_window":`...)
		dst = strconv.AppendInt(dst, int64(context), 10)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}
