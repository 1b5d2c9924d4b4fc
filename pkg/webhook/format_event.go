package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// eventBody is the request of format event.
type eventBody struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp string    `json:"timestamp"`
	Endpoint  string    `json:"endpoint"`
	Component string    `json:"component"`
	Data      eventData `json:"data"`
}

type eventData struct {
	restjson.Object
	Stanza string `json:"stanza"`
}

// eventType is kind.type, with the types RFC 6121 gives to stanzas without one.
func eventType(s *stanza.Stanza) string {
	t := s.Type
	switch {
	case t != "":
	case s.Kind == stanza.Message:
		t = "normal"
	case s.Kind == stanza.Presence:
		t = "available"
	}
	return s.Kind.String() + "." + t
}

func encodeEvent(e *Endpoint, ev *Event) ([]byte, error) {
	return marshal(eventBody{
		ID: ev.ID, Type: eventType(ev.Stanza), Timestamp: ev.Received.UTC().Format("2006-01-02T15:04:05.000Z"),
		Endpoint: e.Name, Component: ev.Component,
		Data: eventData{restjson.Encode(ev.Stanza), ev.Stanza.XML()},
	})
}

// marshal is json.Marshal that leaves < > & as they are: XML stays readable.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// judgeEvent gives the meaning of an answer in format event: what judges the
// message (400, 413, 422) refuses it; every other failure judges the endpoint
// and is tried again, so that a proxy that answers 404 during a deployment
// costs nobody a message.
func judgeEvent(e *Endpoint, ev *Event, a *Answer) Verdict {
	switch {
	case a.Status >= 200 && a.Status < 300:
		replies, err := eventReplies(e, ev, a)
		if err != nil {
			return invalidReply(err)
		}
		return Verdict{Replies: replies}
	case a.Status == 400 || a.Status == 413 || a.Status == 422:
		return Verdict{Outcome: Refused, Err: stanza.FromHTTP(a.Status), Reason: fmt.Sprintf("HTTP %d", a.Status)}
	}
	v := Verdict{Outcome: Again, Err: stanza.FromHTTP(a.Status), Reason: fmt.Sprintf("HTTP %d", a.Status)}
	if a.Status == 429 || a.Status == 503 {
		v.After = a.RetryAfter
	}
	return v
}

// invalidReply is the verdict on an answer of success that cannot be read: the
// endpoint has taken the event, so it is not sent again, but the sender is not
// left in silence.
func invalidReply(err error) Verdict {
	return Verdict{Outcome: Refused, Reason: "invalid reply: " + err.Error(),
		Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the answer of the service could not be read"}}
}

// eventReplies reads the replies of an answer of success.
func eventReplies(e *Endpoint, ev *Event, a *Answer) ([]*stanza.Stanza, error) {
	body := bytes.TrimSpace(a.Body)
	if a.Status == 202 || a.Status == 204 || len(body) == 0 || !answerable(ev.Stanza) {
		return nil, nil
	}
	r := &replier{e: e, ev: ev}
	switch {
	case a.MediaType == "text/plain":
		return r.one(r.text(string(body)))
	case a.MediaType == "application/json" || strings.HasSuffix(a.MediaType, "+json"):
		return r.json(body)
	case a.MediaType == "application/xmpp+xml" || a.MediaType == "application/xml" || a.MediaType == "text/xml":
		return r.one(r.xml(string(body)))
	}
	return nil, nil
}

// answerable reports whether replies to a stanza make sense: not to errors and
// results.
func answerable(s *stanza.Stanza) bool { return s.Type != "error" && s.Type != "result" }
