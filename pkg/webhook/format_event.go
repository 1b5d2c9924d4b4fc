package webhook

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// EncodeEvent encodes an event; its data is mod_rest's JSON and the exact XML.
func EncodeEvent(e *Endpoint, ev *Event) ([]byte, error) {
	b := make([]byte, 0, 3*len(ev.Stanza.XML())+640) // once as it is, once in keys, and escaped; and the reference
	return encodeEvent(b, e, ev)
}

func encodeEvent(dst []byte, e *Endpoint, ev *Event) ([]byte, error) {
	return appendEvent(dst, e, ev), nil
}

func appendEvent(b []byte, e *Endpoint, ev *Event) []byte {
	t := ev.TypeName()
	if ev.Test {
		t = "test"
	}
	b = appendText(append(b, `{"id":`...), ev.ID)
	b = appendText(append(b, `,"type":`...), t)
	b = append(appendTime(append(b, `,"timestamp":"`...), ev.Received), '"')
	b = appendText(append(b, `,"endpoint":`...), e.Name)
	b = appendText(append(b, `,"component":`...), ev.Component)
	return append(appendData(append(b, `,"data":`...), ev), '}')
}

// appendTime appends a time to the millisecond (RFC 3339), as AppendFormat does at six times the cost.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
	hour, minute, second := t.Clock()
	b = append(appendDigits(b, year/100), byte('0'+year/10%10), byte('0'+year%10), '-')
	b = append(appendDigits(b, int(month)), '-')
	b = append(appendDigits(b, day), 'T')
	b = append(appendDigits(b, hour), ':')
	b = append(appendDigits(b, minute), ':')
	b = append(appendDigits(b, second), '.')
	ms := t.Nanosecond() / 1e6
	return append(appendDigits(b, ms/10), byte('0'+ms%10), 'Z')
}

// appendDigits appends a number below 100 in two digits.
func appendDigits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			text, _ := marshal(s) // of a string: it does not fail
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// Like is what the message of a made-up event is like. Without a field: from the component
// to itself, of type chat, "test".
type Like struct {
	From, To   jid.JID
	Type, Body string
}

// TestEvent returns a made-up event to test an endpoint.
func TestEvent(component, id string, now time.Time, like Like) (*Event, error) {
	self, err := jid.Parse(component)
	if err != nil {
		return nil, fmt.Errorf("test event: %w", err)
	}
	if like.From.IsZero() {
		like.From = self
	}
	if like.To.IsZero() {
		like.To = self
	}
	body := cmp.Or(like.Body, "test")
	if stanza.CheckText(body) >= 0 {
		return nil, errors.New("test event: body: holds a character XML forbids")
	}
	s, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: cmp.Or(like.Type, "chat"), ID: id, From: like.From, To: like.To}, stanza.TextElement("body", body), stanza.Limits{})
	if err != nil {
		return nil, fmt.Errorf("test event: %w", err)
	}
	return &Event{ID: id, Component: component, Received: now, Test: true, Stanza: s}, nil
}

// judgeEvent judges an answer in format event: a status about the
// message (400, 413, 414, 422, 431) refuses it; every other failure is
// retried, so that a proxy that answers 404 during a deployment loses no
// message. 410 asks to disable the endpoint (Standard Webhooks 1.0.0).
func judgeEvent(e *Endpoint, ev *Event, a *Answer) Verdict {
	if success(a.Status) {
		replies, err := eventReplies(e, ev, a)
		if v, late := notNow(e, err); late {
			return v
		}
		return accepted(replies, err)
	}
	reason := reasonOf(a.Status)
	err := stanza.FromHTTP(a.Status)
	if faultOf(a.Status) == OfMessage {
		if a.Status == 414 || a.Status == 431 { // its addresses, or its language
			err = notAcceptable(err.Text)
		}
		return Verdict{Outcome: Refused, Err: err, Reason: reason}
	}
	return Verdict{Outcome: Again, Err: err, After: pause(a), Disable: a.Status == 410 && !e.hasPlaceholders(), Reason: reason}
}

// reasonOf is the reason of an attempt that failed by the answer's status.
func reasonOf(status int) string {
	if status >= 300 && status < 400 && status != 304 {
		return fmt.Sprintf("HTTP %d: redirects are not followed; write the URL that it leads to", status)
	}
	return fmt.Sprintf("HTTP %d", status)
}

// eventReplies reads the replies of an answer of success.
func eventReplies(e *Endpoint, ev *Event, a *Answer) ([]*stanza.Stanza, error) {
	if a.Status == 202 || a.Status == 204 || !answerable(ev.Stanza) {
		return nil, nil
	}
	if room := ev.room(); room.Happening() {
		return joinReply(ev, room, a)
	}
	r := &replier{e: e, ev: ev, fill: fillEvent, silent: defaultKind(ev.Stanza), note: &a.note, origin: true}
	var read func([]byte) ([]*stanza.Stanza, error)
	switch {
	case a.MediaType == mediaText:
		read = func(body []byte) ([]*stanza.Stanza, error) {
			return one(r.threaded(r.text(string(body), stanza.Header{Kind: stanza.Message})))
		}
	case isJSON(a.MediaType):
		read = r.eventJSON
	case isStream(a.MediaType) && e.Batch <= 1:
		text, err := a.streamedText()
		if text = r.cleaned(text); err != nil || text == "" {
			return nil, err
		}
		return one(r.threaded(r.text(text, stanza.Header{Kind: stanza.Message})))
	case isXML(a.MediaType):
		read = func(body []byte) ([]*stanza.Stanza, error) { return one(r.threaded(r.xml(string(body)))) }
	default:
		a.otherType("text/plain or JSON")
		return nil, nil
	}
	body, err := content(a)
	if body = bytes.TrimSpace(body); err != nil || len(body) == 0 {
		return nil, err
	}
	return read(body)
}
