package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// ref returns the reference of the event's message; the zero Ref if it has none.
func (ev *Event) ref() message.Ref {
	switch {
	case ev.Facts.Ref != "":
		ref, _ := message.ParseRef(ev.Facts.Ref) // we wrote it
		return ref
	case ev.Stanza.Type == "groupchat":
		return message.InRoom(ev.Stanza, message.RoomIDs{})
	}
	return message.Received(ev.Stanza)
}

// draft takes the keys of a draft from an object, and returns nil if there are none.
func (m members) draft() (*message.Draft, error) {
	var d message.Draft
	found := false
	for _, key := range message.Keys() {
		if !m.has(key) {
			continue
		}
		taken, err := d.Take(key, m[key])
		if err != nil {
			return nil, err
		}
		if taken {
			found = true
			delete(m, key)
		}
	}
	if !found {
		return nil, nil
	}
	return &d, nil
}

// doing makes the reply of a draft and the other members of its object.
func (r *replier) doing(d *message.Draft, m members) (*stanza.Stanza, error) {
	ref, err := r.target(d)
	if err != nil {
		return nil, err
	}
	if d.Needs() {
		return r.saying(d, ref, m)
	}
	inner, _, err := d.Write(ref, "", "")
	if err != nil {
		return nil, named(d, err)
	}
	h := stanza.Header{Kind: stanza.Message}
	h.ID, _ = m.text("id")
	s, err := r.build(h, inner)
	if err != nil || d.Does == message.Typing {
		return s, err
	}
	h = s.Header
	h.To = ref.Peer // not one of the sender's programs alone
	return r.whole(s.With(h, r.e.Limits))
}

// saying makes a reply that says something.
func (r *replier) saying(d *message.Draft, ref message.Ref, m members) (*stanza.Stanza, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	s, err := r.ofMembers(m, data)
	if err != nil {
		return nil, err
	}
	if s == nil || s.Inner() == "" {
		return nil, errors.New("body: is missing")
	}
	quoted := ""
	if d.To == "this" {
		f := message.Read(r.ev.Stanza)
		quoted = f.Text(r.ev.Stanza)
	}
	inner, w, err := d.Write(ref, s.Inner(), quoted)
	if err != nil {
		return nil, named(d, err)
	}
	switch {
	case w.NoReply:
		r.note.LeftOut = "reply_to (others could not find that message)"
	case w.NotQuote:
		r.note.LeftOut = "quote (write the text to quote)"
	}
	return r.whole(stanza.Build(s.Header, inner, r.e.Limits))
}

// named returns why a draft cannot be written, with the key that it is about.
func named(d *message.Draft, err error) error {
	if _, two := errors.AsType[*message.TwoThings](err); two {
		return err
	}
	if errors.Is(err, message.ErrNoBody) {
		return fmt.Errorf("buttons: %w", err)
	}
	return fmt.Errorf("%s: %w", d.Key(), err)
}

// target finds the message that a draft is about: "this" is that of the event, and another
// is of the same conversation.
func (r *replier) target(d *message.Draft) (message.Ref, error) {
	this := r.ev.ref()
	switch {
	case d.To == "" || d.To == "this":
		return this, nil
	case !message.IsRef(d.To):
		return this, fmt.Errorf(`%s: %.40q is no ref; write the ref of an event or an answer, or "this"`, d.Key(), d.To)
	}
	ref, err := message.ParseRef(d.To)
	if err != nil {
		return ref, fmt.Errorf("%s: %w", d.Key(), err)
	}
	if ref.Own != this.Own || ref.Peer != this.Peer {
		return ref, fmt.Errorf("%s: the message is of another conversation; POST it to /v1/messages", d.Key())
	}
	if r.e.Complete != nil {
		ref = r.e.Complete(ref)
	}
	return ref, nil
}
