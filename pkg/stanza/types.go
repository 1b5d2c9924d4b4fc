package stanza

// TypeKnown reports whether stanzas of this kind can have the type: RFC 6121
// sections 5.2.2 (messages) and 4.7.1 (presence), RFC 6120 section 8.2.3 (IQs). An
// IQ must have a type; the others need not.
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

// EffectiveType returns the type that a stanza counts as. A message without a type,
// or with an unknown one, is "normal" (RFC 6121 section 5.2.2); presence without a
// type is "available" (section 4.7.1). Presence and IQs with an unknown type are
// errors, which a component refuses; here they are "unknown".
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

// EventType returns the kind and the effective type of a stanza: "message.chat",
// "presence.available", "iq.get".
func (h *Header) EventType() string {
	t := h.EffectiveType()
	switch { // most stanzas, without an allocation
	case h.Kind == Message && t == "chat":
		return "message.chat"
	case h.Kind == Message && t == "groupchat":
		return "message.groupchat"
	case h.Kind == Message && t == "normal":
		return "message.normal"
	case h.Kind == Presence && t == "available":
		return "presence.available"
	case h.Kind == Presence && t == "unavailable":
		return "presence.unavailable"
	}
	return h.Kind.String() + "." + t
}
