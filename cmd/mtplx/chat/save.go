package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtplx/cmd/mtplx/conversation"
)

// save writes a conversation to a new file: JSON where its name ends so, markdown otherwise.
func save(path string, now time.Time, c *conversation.Conversation) (string, error) {
	if path == "" {
		path = "mtplx-chat-" + now.Format("20060102-150405") + ".md"
	}
	var data []byte
	if strings.EqualFold(filepath.Ext(path), ".json") {
		var err error
		if data, err = json.MarshalIndent(struct {
			Model    string                 `json:"model"`
			Saved    time.Time              `json:"saved"`
			System   string                 `json:"system,omitempty"`
			Messages []conversation.Message `json:"messages"`
		}{c.Model().Name, now, c.System, c.Messages()}, "", "  "); err != nil {
			return "", err
		}
		data = append(data, '\n')
	} else {
		data = transcript(now, c)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("%s exists already; give another name", path)
	} else if err != nil {
		return "", fmt.Errorf("cannot save: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) // half a conversation is worth less than an error
		return "", fmt.Errorf("cannot save: %w", err)
	}
	return path, nil
}

func transcript(now time.Time, c *conversation.Conversation) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Chat with %s, %s\n", c.Model().Name, now.Format("2 January 2006 15:04"))
	if c.System != "" {
		fmt.Fprintf(&b, "\n## System\n\n%s\n", c.System)
	}
	for _, m := range c.Messages() {
		name := "You"
		if m.Role == conversation.Assistant {
			name = c.Model().Name
		}
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		if m.Reasoning != "" {
			fmt.Fprintf(&b, "<details><summary>Thoughts</summary>\n\n%s\n\n</details>\n\n", strings.TrimSpace(m.Reasoning))
		}
		b.WriteString(strings.TrimRight(m.Content, "\n") + "\n")
	}
	return []byte(b.String())
}
