package config

import (
	"slices"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// maxEncryptedText bounds the text for senders of encrypted messages, in bytes.
const maxEncryptedText = 4096

// eventWords are events as the configuration has them.
func eventWords(events []message.Event) []string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = string(e)
	}
	return words
}

// check checks when the sender sees that the endpoint works. Without a URL it never does,
// which checkPulled says.
func (t *Typing) check(s scope, e *Endpoint) {
	switch {
	case t.After < 0:
		s.add("after", "%v is no time to wait; write for example 1s", t.After)
	case t.After == 0 && t.Rooms:
		s.add("rooms", "has no effect without after; write typing: {after: 1s, rooms: true}")
	case t.After == 0 || e.URL == "":
	case e.Copy:
		s.add("after", "cannot be used with copy: true (copies never answer); remove typing")
	case !slices.Contains(e.Stanzas, StanzaMessage):
		s.add("after", "has no effect without messages; add message to stanzas, or remove typing")
	case t.After >= e.Timeout:
		s.add("after", "%v is not over before the timeout of a request (%v), so nobody would see it; write for example 1s", t.After, e.Timeout)
	}
}

// check checks the reactions. Without a URL there are none, which checkPulled says.
func (a *Acknowledge) check(s scope, e *Endpoint) {
	within := s.in("acknowledge")
	for _, r := range [...]struct{ key, emoji string }{{"received", a.Received}, {"done", a.Done}, {"failed", a.Failed}} {
		if r.emoji == "" {
			continue
		}
		switch err := new(message.Draft).React("this", []string{r.emoji}); {
		case err != nil:
			within.add(r.key, "an emoji is expected, such as 👀, ✅ or ❌, of 100 bytes at most")
		case e.Copy:
			within.add(r.key, "cannot be used with copy: true (copies never answer); remove it")
		case !slices.Contains(e.Stanzas, StanzaMessage):
			within.add(r.key, "has no effect without messages; add message to stanzas, or remove it")
		}
	}
}

// checkEvents checks which messages the endpoint gets, and what becomes of encrypted ones.
func (e *Endpoint) checkEvents(s scope) {
	s.someOf("events", e.Events, eventWords(message.Events())...)
	s.oneOf("encrypted", e.Encrypted, string(webhook.EncryptedReply), string(webhook.EncryptedForward), string(webhook.EncryptedDrop))
	s.oneOf("reply_in_rooms", e.ReplyInRooms, webhook.ReplyPlain, webhook.ReplyAsReply)
	if e.Format != FormatEvent {
		for _, name := range [...]string{"events", "encrypted", "encrypted_text", "reply_in_rooms"} {
			if s.isSet(name) {
				s.add(name, "is for format: event only; format %s has all messages as they are; remove it, or write format: event", e.Format)
			}
		}
		return
	}
	switch {
	case !s.isSet("encrypted_text"):
	case e.Encrypted != string(webhook.EncryptedReply):
		s.add("encrypted_text", "is only sent with encrypted: reply; remove it")
	case e.Copy:
		s.add("encrypted_text", "cannot be used with copy: true (copies never answer); remove it")
	case e.EncryptedText == "":
		s.add("encrypted_text", "is empty; write a text, or encrypted: drop to send none")
	case stanza.CheckText(e.EncryptedText) >= 0:
		s.add("encrypted_text", "holds a character XML forbids; remove it")
	case len(e.EncryptedText) > maxEncryptedText:
		s.add("encrypted_text", "has %d bytes; %d are allowed", len(e.EncryptedText), maxEncryptedText)
	}
}
