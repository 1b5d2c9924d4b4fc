package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// componentHTTPBody is the request of mod_component_http.
type componentHTTPBody struct {
	To     string  `json:"to"`
	From   string  `json:"from"`
	Kind   string  `json:"kind"`
	Stanza string  `json:"stanza"`
	Body   *string `json:"body,omitempty"`
}

func encodeComponentHTTP(dst []byte, _ *Endpoint, ev *Event) ([]byte, error) {
	s := ev.given()
	b := componentHTTPBody{To: s.To.String(), From: s.From.String(), Kind: s.Kind.String(), Stanza: s.XML()}
	if body, ok := s.Body(); ok && s.Kind == stanza.Message {
		b.Body = &body
	}
	text, err := marshal(b)
	return append(dst, text...), err
}

// judgeComponentHTTP judges an answer as mod_component_http
// does: 200 with JSON is a reply, other successes are none, everything else is
// an error for the sender.
func judgeComponentHTTP(e *Endpoint, ev *Event, a *Answer) Verdict {
	switch {
	case !success(a.Status):
		return refusal(e, a, componentHTTPError(a.Status))
	case a.Status != 200 || !answerable(ev.Stanza):
		return Verdict{}
	case a.MediaType != mediaJSON:
		a.otherType("application/json")
		return Verdict{}
	}
	r := &replier{e: e, ev: ev, note: &a.note}
	return accepted(one(r.componentHTTP(a)))
}

// componentHTTP reads a reply, nil if there is none. Its keys are those of a request;
// others are ignored. A "stanza" overrides the rest. JSON with nothing but
// addresses and types makes no reply.
func (r *replier) componentHTTP(a *Answer) (*stanza.Stanza, error) {
	body, err := content(a)
	if body = bytes.TrimSpace(body); err != nil || len(body) == 0 || string(body) == "[]" || string(body) == `""` {
		return nil, err // some languages encode an empty object as []
	}
	if err := a.objectOnly(body); err != nil {
		return nil, err
	}
	var m members
	if json.Unmarshal(body, &m) != nil {
		return nil, notObject(body)
	}
	whole, err := m.whole()
	if err != nil {
		return nil, err
	}
	if whole != "" {
		r.fill = func(r *replier, h stanza.Header) stanza.Header { return r.addressed(h) }
		return r.embedded(whole)
	}
	h, err := m.componentHTTPHeader()
	if err != nil || !m.has("kind") && !m.has("body") {
		return nil, err
	}
	r.fill = func(r *replier, h stanza.Header) stanza.Header {
		if h.Kind == stanza.Message && h.Type == "" {
			h.Type = "chat"
		}
		return r.addressed(h)
	}
	if !m.has("body") {
		return r.build(h, "")
	}
	text, ok := m.text("body")
	if !ok {
		return nil, errors.New("body: a string is expected")
	}
	return r.text(text, h)
}

// componentHTTPHeader reads kind, type and addresses.
func (m members) componentHTTPHeader() (h stanza.Header, err error) {
	h.Kind = stanza.Message
	for _, key := range []string{"kind", "type", "to", "from"} {
		if !m.has(key) {
			continue
		}
		v, ok := m.text(key)
		if !ok || stanza.CheckText(v) >= 0 {
			return h, fmt.Errorf("%s: a string is expected", key)
		}
		switch key {
		case "kind":
			if h.Kind = stanza.KindOf(v); h.Kind == 0 {
				err = errors.New("kind: use message, presence or iq")
			}
		case "type":
			h.Type = v
		case "to":
			h.To, err = jid.Parse(v)
		case "from":
			h.From, err = jid.Parse(v)
		}
		if err != nil {
			return h, fmt.Errorf("%s: %w", key, err)
		}
	}
	return h, nil
}

// addressed returns h with its own addresses; missing ones are those of the event,
// swapped. The answer to an IQ has the swapped ones always.
func (r *replier) addressed(h stanza.Header) stanza.Header {
	from, to := h.From, h.To
	h = r.named(r.back(r.typed(h)))
	if h.Kind == stanza.IQ {
		return h
	}
	if !from.IsZero() {
		h.From = from
	}
	if !to.IsZero() {
		h.To = to
	}
	return h
}

// componentHTTPError is mod_component_http's status table, which differs
// from mod_rest's for 500 and 502 to 504.
func componentHTTPError(status int) *stanza.Error {
	for _, row := range [...]struct {
		status    int
		typ       stanza.ErrorType
		condition stanza.Condition
		text      string
	}{
		{0, stanza.Cancel, stanza.RemoteServerTimeout, "Connection failure"},
		{400, stanza.Modify, stanza.BadRequest, ""},
		{401, stanza.Auth, stanza.NotAuthorized, ""},
		{402, stanza.Auth, stanza.Forbidden, "Payment required"},
		{403, stanza.Auth, stanza.Forbidden, ""},
		{404, stanza.Cancel, stanza.ItemNotFound, ""},
		{410, stanza.Cancel, stanza.Gone, ""},
		{414, stanza.Modify, stanza.NotAcceptable, ""}, // our own, as 431
		{431, stanza.Modify, stanza.NotAcceptable, ""},
		{500, stanza.Cancel, stanza.InternalServerError, ""},
		{501, stanza.Cancel, stanza.FeatureNotImplemented, ""},
		{502, stanza.Cancel, stanza.RemoteServerTimeout, "Bad gateway"},
		{503, stanza.Wait, stanza.RemoteServerTimeout, "Service temporarily unavailable"},
		{504, stanza.Wait, stanza.RemoteServerTimeout, "Gateway timeout"},
	} {
		if row.status == status {
			return &stanza.Error{Type: row.typ, Condition: row.condition, Text: row.text}
		}
	}
	return &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
}
