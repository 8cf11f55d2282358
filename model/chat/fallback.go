package chat

import "sync"

const chatML = `{%- if tools %}
    {{- raise_exception('this model has no chat template, so it cannot be given tools') }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content or [] %}
            {{- part.text }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
`

var fallback = sync.OnceValue(func() *Template {
	t, err := Parse(chatML)
	if err != nil {
		panic(err) // a constant that a test parses
	}
	return t
})

// Fallback returns the template for models that bring none: ChatML, which refuses tools.
func Fallback() *Template { return fallback() }
