package request

import (
	"time"

	"mtplx/sched/bank"
)

// Role is who speaks.
type Role string

// The roles. Dialects map theirs onto these.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool"
)

// Message is one turn of a conversation.
type Message struct {
	Role      Role
	Content   string
	Reasoning string // an assistant's thoughts, echoed back by the client
	Calls     []Call // an assistant's tool calls
	CallID    string // of a tool's answer
	Name      string // of the speaker or the tool, where the client gave one
}

// Call is a tool call that the assistant has made.
type Call struct {
	ID, Name  string
	Arguments string // a JSON object
}

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  string // its JSON schema, "" for none
	// Raw is the tool as OpenAI's chat dialect writes it, which is what chat templates expect.
	Raw string
}

// ToolMode is whether tools may or must be called.
type ToolMode int

// The modes.
const (
	ToolsAuto ToolMode = iota
	ToolsNone
	ToolsRequired
	ToolsNamed
)

// FormatKind is a kind of structured output.
type FormatKind int

// The kinds.
const (
	Text FormatKind = iota
	JSONObject
	JSONSchema
	Regex
	Choice
)

// Format is what the answer must look like.
type Format struct {
	Kind    FormatKind
	Source  string   // the schema or the regular expression
	Choices []string // of Choice
	Field   string   // which field asked for it, for errors
}

// Prompt is raw text, or tokens, of the completions dialect.
type Prompt struct {
	Text   string
	Tokens []int32 // nil: Text counts
}

// Bias is a change of one token's logit.
type Bias struct {
	ID    int32
	Value float64
}

// Request is one request. Pointers are nil where the client left the choice to the server.
type Request struct {
	Model string

	// Either Messages or Prompts is set.
	Messages []Message
	Prompts  []Prompt
	// Continue says that the last message, an assistant's, is to be continued.
	Continue bool

	Tools    []Tool
	ToolMode ToolMode
	ToolName string // of ToolsNamed
	Parallel bool   // several calls in one answer are welcome
	CallIDs  string // what ids of calls begin with
	Format   Format

	// Thinking switches the template's reasoning on or off; Effort and ThinkingBudget (tokens) shape
	// it. TemplateArgs is a JSON object of further variables of the template.
	Thinking       *bool
	Effort         string
	ThinkingBudget int
	TemplateArgs   string

	Temperature, TopP, MinP *float64
	TopK                    *int
	Seed                    *uint64
	Frequency, Presence     float64
	Repetition              float64 // 0 is off
	Biases                  []Bias

	MaxTokens  int // 0: as many as fit
	MinTokens  int // before a token or a string may end the answer
	Stops      []string
	StopTokens []int32
	IgnoreEOS  bool
	N          int

	Logprobs    bool
	TopLogprobs int

	Stream       bool
	IncludeUsage bool // as a last chunk of a stream
	Provenance   bool // a stream says of each token whether the head proposed it
	Echo         bool
	Timings      bool // on every chunk
	ReturnTokens bool

	// How the engine works on it. Depth and Speculate override the server's choice.
	Depth     *int
	Speculate *bool
	Reuse     bank.Mode
	Session   string // which conversation it belongs to, "" when the client does not say
	CacheKey  string // a hint which prefixes it shares
	Priority  int
	Deadline  time.Duration
}
