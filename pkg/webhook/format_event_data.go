package webhook

import (
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/restjson"
)

// appendData appends the data of an event: mod_rest's JSON, the exact stanza, and of a
// message what it is, its reference, and what somebody has written.
func appendData(b []byte, ev *Event) []byte {
	if ev.Data != nil {
		return append(b, ev.Data...)
	}
	s, room := ev.Stanza, ev.room()
	if room.Happening() {
		b = restjson.AppendWithStanza(b, s, nil, nsRoom)
		return append(appendRoom(b[:len(b)-1], room), '}')
	}
	f := message.Read(s)
	if f.Event == message.None {
		return restjson.AppendWithStanza(b, s, nil, nsRoom)
	}
	encrypted := f.Event == message.Encrypted
	var omit []string
	if encrypted { // the body is for clients that cannot read the message, and nobody has said it
		omit = []string{"body"}
	}
	b = restjson.AppendWithStanza(b, s, omit, nsRoom)
	b = append(append(append(b[:len(b)-1], `,"event":"`...), f.Event...), '"')
	b = appendRef(b, ev)
	switch f.Event {
	case message.Said, message.Correction:
		if f.HasBody() {
			text := f.Text(s)
			if room != nil {
				text = muc.WithoutMention(text, room.OwnNick)
			}
			b = appendText(append(b, `,"text":`...), text)
		}
		if !ev.Facts.Has(FactAttachments) {
			b = appendAttachments(b, f.Attachments(s))
		}
	case message.Reaction:
		b = appendJSON(append(b, `,"emoji":`...), f.Emoji(s))
	case message.Encrypted:
		x := f.Encryption(s)
		b = append(appendText(append(b, `,"encrypted":{"name":`...), x.Name), `,"namespace":`...)
		b = append(appendText(b, x.Namespace), '}')
		if body, ok := s.Body(); ok {
			b = appendText(append(b, `,"fallback_body":`...), body)
		}
	}
	if room != nil {
		b = appendRoom(b, room)
	}
	if ev.Facts.Members != "" {
		b = append(append(b, ','), ev.Facts.Members...)
	}
	return append(b, '}')
}

// appendRef appends the reference of the message; none if it does not fit into one.
func appendRef(b []byte, ev *Event) []byte {
	back := len(b)
	b = append(b, `,"ref":"`...)
	begin := len(b)
	switch {
	case ev.Facts.Ref != "":
		b = append(b, ev.Facts.Ref...)
	case ev.Stanza.Type == "groupchat":
		b = message.InRoom(ev.Stanza, message.RoomIDs{}).Append(b)
	default:
		b = message.Received(ev.Stanza).Append(b)
	}
	if len(b) == begin {
		return b[:back]
	}
	return append(b, '"')
}

func appendAttachments(b []byte, all []message.Attachment) []byte {
	if len(all) == 0 {
		return append(b, `,"attachments":[]`...)
	}
	return appendJSON(append(b, `,"attachments":`...), all)
}

// appendJSON appends a value that can be encoded.
func appendJSON(b []byte, v any) []byte {
	text, _ := marshal(v)
	return append(b, text...)
}
