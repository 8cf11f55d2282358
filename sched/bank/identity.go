package bank

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Identity is where a request may name its session.
type Identity struct {
	Header   func(name string) string // names in lower case
	Metadata func(name string) string
	// The fields of a request's body.
	User, ChatID, ConversationID string
	Prompt                       []int32
}

var (
	sessionHeaders  = []string{"x-mtplx-session-id", "x-openwebui-chat-id", "x-openwebui-user-id", "x-session-id"}
	sessionMetadata = []string{"session_id", "mtplx_session_id", "chat_id", "conversation_id"}
)

// SessionID is the session that a request belongs to: the first that is named in headers, in metadata, by
// user, chat or conversation; else the owner of the longest remembered beginning of its prompt; else a name
// made of the prompt's first tokens.
func (b *Bank) SessionID(i Identity) string {
	for _, named := range []struct {
		get   func(string) string
		names []string
	}{{i.Header, sessionHeaders}, {i.Metadata, sessionMetadata}} {
		for _, n := range named.names {
			if named.get == nil {
				break
			}
			if id := strings.TrimSpace(named.get(n)); id != "" {
				return id
			}
		}
	}
	for _, id := range []string{i.User, i.ChatID, i.ConversationID} {
		if id = strings.TrimSpace(id); id != "" {
			return id
		}
	}
	if id := b.Owner(i.Prompt); id != "" {
		return id
	}
	const first = 256 // what a conversation's turns are sure to share
	h := sha256.New()
	for _, t := range i.Prompt[:min(len(i.Prompt), first)] {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(t)))
	}
	return "anon-" + hex.EncodeToString(h.Sum(nil)[:8])
}
