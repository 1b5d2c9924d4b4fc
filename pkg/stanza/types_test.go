package stanza

import "testing"

func TestEventType(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		typ   string
		known bool
		want  string
	}{
		{Message, "", true, "message.normal"},
		{Message, "normal", true, "message.normal"},
		{Message, "chat", true, "message.chat"},
		{Message, "groupchat", true, "message.groupchat"},
		{Message, "headline", true, "message.headline"},
		{Message, "error", true, "message.error"},
		{Message, "..", false, "message.normal"},
		{Message, "Chat", false, "message.normal"},
		{Message, "chat ", false, "message.normal"},
		{Message, "get", false, "message.normal"},
		{Presence, "", true, "presence.available"},
		{Presence, "unavailable", true, "presence.unavailable"},
		{Presence, "subscribe", true, "presence.subscribe"},
		{Presence, "probe", true, "presence.probe"},
		{Presence, "error", true, "presence.error"},
		{Presence, "available", false, "presence.unknown"},
		{Presence, ".", false, "presence.unknown"},
		{IQ, "get", true, "iq.get"},
		{IQ, "error", true, "iq.error"},
		{IQ, "", false, "iq.unknown"},
		{IQ, "../x", false, "iq.unknown"},
	} {
		h := Header{Kind: c.kind, Type: c.typ}
		if got := h.EventType(); got != c.want || h.TypeKnown() != c.known {
			t.Errorf("%s %q: %s, known %v; want %s, %v", c.kind, c.typ, got, h.TypeKnown(), c.want, c.known)
		}
	}
}
