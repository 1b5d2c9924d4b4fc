package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// compose makes a message of the body of a request. what says what the path says of it
// already; take has keys of the path's own.
func (m messages) compose(w http.ResponseWriter, r *http.Request, what *message.Draft, take restjson.Take) (*draft, error) {
	if stream := httpapi.StreamOf(r); stream != nil {
		return m.composeForm(r, stream, what)
	}
	data, fault := httpapi.ReadText(w, r, document.JSON)
	if fault != nil {
		return nil, fault
	}
	return m.composeOf(r, data, what, take, nil)
}

// composeOf makes a message of its JSON. Files may follow in a form, which may be nil.
func (m messages) composeOf(r *http.Request, data []byte, what *message.Draft, take restjson.Take, following *following) (*draft, error) {
	text := data
	sharing := sharing{form: following}
	if len(text) == 0 && what.Key() != "" {
		text = []byte("{}")
	}
	f, err := fields(text, stanza.Message, func(key string, value json.RawMessage) (_ bool, err error) {
		if take != nil {
			if taken, err := take(key, value); taken || err != nil {
				return taken, err
			}
		}
		if key == "private" {
			if json.Unmarshal(value, &what.Private) != nil {
				return true, errors.New("private: true or false is expected")
			}
			return true, nil
		}
		if key == "files" && m.uploads != nil {
			sharing.wishes, err = message.ReadFiles(value)
			return true, err
		}
		return what.Take(key, value)
	}, "files", "private", "buttons", "reply_to", "quote", "react", "correct", "retract", "displayed", "typing", "track")
	if err != nil {
		return nil, err
	}
	if what.Private && what.Key() == "" {
		if err := toOccupant(f, message.Ref{}); err != nil {
			return nil, err
		}
	}
	if sharing.any() {
		if what.Private {
			return nil, wrongf("files: goes not with private; write the occupant's address, room/nick, in to")
		}
		if err := sharing.prepare(what, f); err != nil {
			return nil, err
		}
	}
	d, err := m.composed(r, data, what, f, &sharing)
	if err == nil && sharing.any() {
		d.sharing = &sharing
	}
	return d, err
}

// composed makes a message of what was read.
func (m messages) composed(r *http.Request, data []byte, what *message.Draft, f *restjson.Fields, sharing *sharing) (*draft, error) {
	if what.OnlyWrites() {
		return m.finish(r, data, f)
	}
	given, err := m.about(r, what, f)
	if err != nil {
		return nil, err
	}
	ref := m.whole(r, what, given)
	sharing.ref = ref
	if what.Needs() && f.Inner == "" {
		return nil, wrongf("body: is missing; the message is empty")
	}
	if !what.Needs() && f.Has("body") {
		return nil, wrongf("body: goes not with %s; send two messages", what.Key())
	}
	if what.Private && what.Key() != "" {
		if what.Does != message.Said {
			return nil, wrongf("private: goes not with %s, which is for all in the room", what.Key())
		}
		if err := toOccupant(f, ref); err != nil {
			return nil, err
		}
	}
	inner, written, err := what.Write(ref, f.Inner, m.quoted(ref, what))
	two, isTwo := errors.AsType[*message.TwoThings](err)
	switch {
	case isTwo:
		return nil, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: two.Error()}
	case errors.Is(err, message.ErrNoBody):
		return nil, wrongf("buttons: %s", err)
	case errors.Is(err, message.ErrNotOwn):
		return nil, &httpapi.Fault{Status: http.StatusForbidden, Text: what.Key() + ": " + err.Error()}
	case err != nil:
		return nil, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: what.Key() + ": " + err.Error(), Members: map[string]any{"condition": "no-stable-id"}}
	}
	f.Inner = inner
	d, err := m.finish(r, data, f)
	if err != nil {
		return nil, err
	}
	d.written, d.private = written, d.private || ref.Kind == message.Chat && ref.Peer.IsFull()
	if what.Does == message.Correction || what.Does == message.Retraction {
		d.about = given
	}
	return d, nil
}

// toOccupant makes a message one to an occupant of a room alone (XEP-0045 section 7.5): the
// recipient, or the author of the message in a room that it replies to.
func toOccupant(f *restjson.Fields, ref message.Ref) error {
	if author := ref.Writer(); ref.Kind == message.Room && author.IsFull() && !f.To.IsFull() {
		f.To = author
	}
	switch {
	case !f.To.IsFull():
		return wrongf("private: write to as room/nick, or reply_to with the ref of a message in a room")
	case f.Type != "" && f.Type != "chat" && f.Type != "groupchat":
		return wrongf("private: a message to one occupant has the type chat; leave out type")
	}
	f.Type = "chat"
	f.Inner += message.ToOccupant
	return nil
}

// about finds the message that a draft is about, by the reference or id that it gives, and
// completes the addresses by it.
func (m messages) about(r *http.Request, what *message.Draft, f *restjson.Fields) (ref message.Ref, err error) {
	if what.To == "" {
		return ref, nil
	}
	if ref, err = m.ref(r, what.To); err != nil {
		return ref, err
	}
	key := what.Key()
	if f.From.IsZero() {
		f.From = ref.Own
	}
	if f.From.Bare() != ref.Own {
		return ref, &httpapi.Fault{Status: http.StatusForbidden, Text: key + ": the message is one of another bot, " + ref.Own.String()}
	}
	if !f.To.IsZero() && !same(f.To, ref.Peer) {
		return ref, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: key + ": the message is of the conversation with " + ref.Peer.String() + ", and to is another; leave out to"}
	}
	if f.To.IsZero() || !what.Needs() {
		f.To = ref.Peer
	}
	if f.Type == "" {
		f.Type = ref.Type()
	}
	return ref, nil
}

// whole returns the reference to the message that a draft is about, with the id that a room has
// given it.
func (m messages) whole(r *http.Request, what *message.Draft, ref message.Ref) message.Ref {
	if what.To == "" {
		return ref
	}
	if what.Does == message.Correction { // it goes by the id
		return m.recent.Complete(ref, m.now())
	}
	ctx, cancel := context.WithTimeout(r.Context(), echoWait)
	defer cancel()
	return m.recent.Await(ctx, ref, m.now)
}

// echoWait is how long what is about a message of ours in a room waits until the room has
// sent that message back, with the id that others know it by.
const echoWait = 5 * time.Second

// same reports whether an address is in the conversation with a peer, which is bare, or an
// occupant of a room.
func same(to, peer jid.JID) bool {
	return to == peer || peer.IsBare() && to.Bare() == peer
}

// ref reads a reference: its text, or the id of a message of this caller.
func (m messages) ref(r *http.Request, text string) (message.Ref, error) {
	if message.IsRef(text) {
		ref, err := message.ParseRef(text)
		if err != nil {
			return ref, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: "ref: " + err.Error()}
		}
		return ref, nil
	}
	found, err := m.find(r, text)
	if err != nil {
		return message.Ref{}, fmt.Errorf("%w; of the messages of others, write the ref: ref in data of the event", err)
	}
	ref, err := message.ParseRef(found.Ref)
	if err != nil {
		return ref, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: "the message with the id " + found.ID + " has no ref; write the ref of the answer or the event"}
	}
	return ref, nil
}

// quoted returns the text of the message that a draft replies to, if it is remembered.
func (m messages) quoted(ref message.Ref, what *message.Draft) string {
	if what.Does != message.Said || !what.Quote {
		return ""
	}
	known, _ := m.recent.FindRef(ref, m.now())
	return known.Body
}

// by serves a request about the message of the path.
func (m messages) by(event message.Event) func(http.ResponseWriter, *http.Request) (*draft, error) {
	return func(w http.ResponseWriter, r *http.Request) (*draft, error) {
		var what message.Draft
		if err := what.About(event, pathRef(r)); err != nil {
			return nil, err
		}
		return m.compose(w, r, &what, nil)
	}
}

// reactions serves PUT of the reactions to the message of the path.
func (m messages) reactions(w http.ResponseWriter, r *http.Request) (*draft, error) {
	what, given := message.Draft{}, false
	_ = what.React(pathRef(r), nil) // the path is not empty
	d, err := m.compose(w, r, &what, func(key string, value json.RawMessage) (bool, error) {
		if key != "emoji" {
			return false, nil
		}
		given = true
		var emoji []string
		if json.Unmarshal(value, &emoji) != nil || emoji == nil {
			return true, errors.New(`emoji: an array is expected, such as ["👍"]`)
		}
		return true, what.React(pathRef(r), emoji)
	})
	if err == nil && !given {
		return nil, wrongf("emoji: is missing; write the whole set, and [] for none")
	}
	return d, err
}
