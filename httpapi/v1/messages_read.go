package v1

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// draft is a stanza that the caller may send. Only its id may change.
type draft struct {
	header  stanza.Header
	inner   string
	origin  bool // the stanza gets its id as an origin-id, too (XEP-0359)
	limits  stanza.Limits
	hash    string // of the body, byte for byte
	stanza  *stanza.Stanza
	written message.Written
	noType  bool        // the caller gives none
	private bool        // it goes to an occupant of a room
	about   message.Ref // the message that it corrects or retracts; the zero Ref if none
	sharing *sharing    // the files that go with it; nil: none
}

// types are those of each kind, the default first (RFC 6121 sections 5.2.2 and 4.7.1,
// RFC 6120 section 8.2.3). Available presence has none.
var types = [...][]string{
	stanza.Message:  {"chat", "normal", "groupchat", "headline", "error"},
	stanza.Presence: {"", "available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"},
	stanza.IQ:       {"get", "set"},
}

// read makes a stanza of the body of a request, if the caller may send it.
func read(w http.ResponseWriter, r *http.Request, kind stanza.Kind, over gateway.Sender) (*draft, error) {
	data, fault := httpapi.ReadText(w, r, document.JSON)
	if fault != nil {
		return nil, fault
	}
	f, err := fields(data, kind, nil)
	if err != nil {
		return nil, err
	}
	return finish(r, data, f, kind, over, nil)
}

// fields reads a stanza in JSON. take is asked for each key first, and has the keys own; nil:
// the keys are those of the mapping.
func fields(data []byte, kind stanza.Kind, take restjson.Take, own ...string) (*restjson.Fields, error) {
	f, err := restjson.DecodeWith(data, kind, take)
	if err == nil {
		if err := belongs(f, kind); err != nil {
			return nil, err
		}
		err = f.UnknownKey()
	}
	if two, ok := errors.AsType[*message.TwoThings](err); ok {
		return nil, &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: two.Error()}
	}
	if err != nil {
		return nil, wrongf("%s", withOwn(err, own))
	}
	return f, nil
}

// withOwn adds keys of ours to the error of an unknown one. Who writes a message as other
// services want it means its body.
func withOwn(err error, own []string) error {
	const known = "unknown key; known are "
	unknown, _ := errors.AsType[*restjson.FieldError](err)
	if unknown == nil || len(own) == 0 {
		return err
	}
	names, is := strings.CutPrefix(unknown.Reason, known)
	switch {
	case !is || strings.Contains(unknown.Field, "."):
		return err
	case slices.Contains([]string{"text", "message", "content", "msg"}, unknown.Field):
		return &restjson.FieldError{Field: unknown.Field, Reason: `unknown key; did you mean "body"?`}
	}
	return &restjson.FieldError{Field: unknown.Field, Reason: known + strings.Join(own, ", ") + ", and those of a stanza: " + names}
}

// finish makes a stanza of what was read, if the caller may send it. A message without a
// type is a groupchat if isIn, which may be nil, says that the bot is kept in that room.
func finish(r *http.Request, data []byte, f *restjson.Fields, kind stanza.Kind, over gateway.Sender, isIn func(room, bot jid.JID) bool) (*draft, error) {
	noType := f.Type == "" && !f.Has("error")
	if err := complete(f, kind); err != nil {
		return nil, err
	}
	who := httpapi.IdentityOf(r.Context())
	from, err := who.Sender(f.From, over.Domains())
	if f.From = from; err != nil {
		return nil, httpapi.Refused(err)
	}
	if noType && isIn != nil && isIn(f.To, f.From) {
		f.Type = "groupchat"
	}
	if f.ID == "" {
		f.ID = rand.Text()
	}
	sum := sha256.Sum256(data)
	d := &draft{header: f.Header, inner: f.Inner, noType: noType, origin: kind == stanza.Message && f.Type != "error", limits: over.Limits(f.From), hash: hex.EncodeToString(sum[:])}
	d.private = kind == stanza.Message && f.Type != "groupchat" && f.To.IsFull() && isIn != nil && isIn(f.To.Bare(), f.From)
	if err := d.build(f.ID); err != nil {
		return nil, err
	}
	if kind == stanza.IQ && len(d.stanza.Children()) != 1 {
		return nil, wrongf("an iq has exactly one child (RFC 6120 section 8.2.3), and this has %d; write the query and nothing else", len(d.stanza.Children()))
	}
	if err := who.MaySend(d.stanza, over.Domains()); err != nil {
		return nil, httpapi.Refused(err)
	}
	return d, nil
}

// ref returns the reference that the answer has: a correction is its first version.
func (d *draft) ref() message.Ref {
	if !d.about.Own.IsZero() {
		return d.about
	}
	return message.Sent(d.stanza, d.private)
}

// belongs checks that kind and type are those of the route.
func belongs(f *restjson.Fields, kind stanza.Kind) error {
	if f.Kind != 0 && f.Kind != kind {
		return wrongf("kind: %s does not go here; leave it out, or write %s", f.Kind, kind)
	}
	written := slices.DeleteFunc(slices.Clone(types[kind]), func(t string) bool { return t == "" })
	if f.Type != "" && !slices.Contains(written, f.Type) {
		return wrongf("type: %q does not go here; write %s", f.Type, strings.Join(written, ", "))
	}
	return nil
}

// complete sets defaults, and checks what does not depend on the caller.
func complete(f *restjson.Fields, kind stanza.Kind) error {
	switch {
	case f.Type == "" && f.Has("error"):
		f.Type = "error"
	case f.Type == "" && kind == stanza.IQ && (f.Has("command") || f.Has("archive")):
		f.Type = "set"
	case f.Type == "":
		f.Type = types[kind][0]
	}
	f.Kind = kind
	switch {
	case (f.Type == "error") != f.Has("error") && kind != stanza.IQ:
		return wrongf("error: needs type \"error\", and the type needs error")
	case f.To.IsZero():
		return wrongf("to: is missing; write the address of the recipient")
	case kind == stanza.Message && f.Inner == "":
		return wrongf("body: is missing; the message is empty")
	case f.Has("muc") || f.Has("join"):
		if f.To.IsBare() || f.Type != "" && f.Type != "available" {
			return wrongf("to: write room@service/nickname to join a room, without a type")
		}
	}
	if f.Type == "available" {
		f.Type = ""
	}
	return nil
}

// build builds the stanza with an id.
func (d *draft) build(id string) error {
	d.header.ID = id
	inner := d.inner
	if d.origin {
		inner += message.Origin(id, inner)
	}
	s, err := stanza.Build(d.header, inner, d.limits)
	if err != nil {
		// its parts are valid, so the whole is over a limit
		return &httpapi.Fault{Status: http.StatusRequestEntityTooLarge, Text: "the stanza is over a limit: " + err.Error()}
	}
	d.stanza = s
	return nil
}
