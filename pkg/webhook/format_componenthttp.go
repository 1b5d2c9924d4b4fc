package webhook

import (
	"bytes"
	"fmt"
	"strings"

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

func encodeComponentHTTP(_ *Endpoint, ev *Event) ([]byte, error) {
	s := ev.Stanza
	b := componentHTTPBody{To: s.To.String(), From: s.From.String(), Kind: s.Kind.String(), Stanza: s.XML()}
	if body, ok := s.Body(); ok && s.Kind == stanza.Message {
		b.Body = &body
	}
	return marshal(b)
}

// judgeComponentHTTP gives the meaning of an answer as mod_component_http
// does: 200 with JSON is a reply, other 2xx are none, everything else is an
// error for the sender. A queued event gets its retries first where trying
// again can help.
func judgeComponentHTTP(e *Endpoint, ev *Event, a *Answer) Verdict {
	switch {
	case a.Status == 200 && a.MediaType == "application/json":
		s, err := componentHTTPReply(e, ev, bytes.TrimSpace(a.Body))
		if err != nil {
			return invalidReply(err)
		}
		if s == nil {
			return Verdict{}
		}
		return Verdict{Replies: []*stanza.Stanza{s}}
	case a.Status >= 200 && a.Status < 300:
		return Verdict{}
	}
	v := Verdict{Outcome: Refused, Err: componentHTTPError(a.Status), Reason: fmt.Sprintf("HTTP %d", a.Status)}
	if a.Status >= 500 || a.Status == 408 || a.Status == 425 || a.Status == 429 {
		v.Outcome, v.After = Again, a.RetryAfter
	}
	return v
}

// componentHTTPReply reads a reply. Its addresses count; those it leaves out
// are swapped. A "stanza" overrides the other keys.
func componentHTTPReply(e *Endpoint, ev *Event, data []byte) (*stanza.Stanza, error) {
	if !answerable(ev.Stanza) || len(data) == 0 || string(data) == "null" || string(data) == "[]" {
		return nil, nil // some languages write an empty object as []
	}
	whole, f, err := decodeReply(data)
	if err != nil {
		return nil, err
	}
	r := &replier{e: e, ev: ev}
	var s *stanza.Stanza
	switch {
	case whole != "":
		var given *stanza.Stanza
		if given, err = stanza.Parse(strings.TrimSpace(whole), e.Limits); err != nil {
			return nil, err
		}
		s, err = given.With(r.addressed(given.Header, given.Header), e.Limits)
	case f.Inner == "" && f.Kind == 0:
		return nil, nil
	default:
		if f.Kind == 0 {
			f.Kind = stanza.Message
		}
		if f.Kind == stanza.Message && f.Type == "" {
			f.Type = "chat"
		}
		s, err = stanza.Build(r.addressed(f.Header, f.Header), f.Inner, e.Limits)
	}
	if err != nil {
		return nil, err
	}
	return s, checkReply(ev, s)
}

// addressed is header, but with the addresses that the answer gave.
func (r *replier) addressed(h, given stanza.Header) stanza.Header {
	typed := h.Type
	h = r.header(h)
	if h.Kind == stanza.Message {
		h.Type = typed
	}
	if h.Kind == stanza.IQ {
		return h // an answer goes to who asked
	}
	if !given.From.IsZero() {
		h.From = given.From
	}
	if !given.To.IsZero() {
		h.To = given.To
	} else if h.Type == "groupchat" {
		h.To = h.To.Bare()
	}
	return h
}

// componentHTTPError is mod_component_http's own status table, which differs
// from mod_rest's for 500 and 502 to 504.
func componentHTTPError(status int) *stanza.Error {
	e := func(t stanza.ErrorType, c stanza.Condition, text string) *stanza.Error {
		return &stanza.Error{Type: t, Condition: c, Text: text}
	}
	switch status {
	case 0:
		return e(stanza.Cancel, stanza.RemoteServerTimeout, "Connection failure")
	case 400:
		return e(stanza.Modify, stanza.BadRequest, "")
	case 401:
		return e(stanza.Auth, stanza.NotAuthorized, "")
	case 402:
		return e(stanza.Auth, stanza.Forbidden, "Payment required")
	case 403:
		return e(stanza.Auth, stanza.Forbidden, "")
	case 404:
		return e(stanza.Cancel, stanza.ItemNotFound, "")
	case 410:
		return e(stanza.Cancel, stanza.Gone, "")
	case 500:
		return e(stanza.Cancel, stanza.InternalServerError, "")
	case 501:
		return e(stanza.Cancel, stanza.FeatureNotImplemented, "")
	case 502:
		return e(stanza.Cancel, stanza.RemoteServerTimeout, "Bad gateway")
	case 503:
		return e(stanza.Wait, stanza.RemoteServerTimeout, "Service temporarily unavailable")
	case 504:
		return e(stanza.Wait, stanza.RemoteServerTimeout, "Gateway timeout")
	}
	return e(stanza.Cancel, stanza.ServiceUnavailable, "")
}
