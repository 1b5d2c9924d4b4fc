package stanza

// TypeKnown reports whether the type is one that stanzas of this kind can have:
// RFC 6121 sections 5.2.2 (messages) and 4.7.1 (presence), RFC 6120 section
// 8.2.3 (IQs). No type is one, but for IQs.
func (h *Header) TypeKnown() bool {
	switch h.Kind {
	case Message:
		switch h.Type {
		case "", "chat", "error", "groupchat", "headline", "normal":
			return true
		}
	case Presence:
		switch h.Type {
		case "", "error", "probe", "subscribe", "subscribed", "unavailable", "unsubscribe", "unsubscribed":
			return true
		}
	case IQ:
		switch h.Type {
		case "error", "get", "result", "set":
			return true
		}
	}
	return false
}

// EffectiveType is the type by which a stanza counts. A message with no type or
// one that is not known is "normal" (RFC 6121 section 5.2.2), presence with no
// type is "available" (section 4.7.1). Presence and IQs of a type that is not
// known are errors, which a component does not let through; here they are
// "unknown".
func (h *Header) EffectiveType() string {
	switch {
	case h.Type != "" && h.TypeKnown():
		return h.Type
	case h.Kind == Message:
		return "normal"
	case h.Kind == Presence && h.Type == "":
		return "available"
	}
	return "unknown"
}

// EventType is the kind and the effective type of a stanza: "message.chat",
// "presence.available", "iq.get".
func (h *Header) EventType() string { return h.Kind.String() + "." + h.EffectiveType() }
