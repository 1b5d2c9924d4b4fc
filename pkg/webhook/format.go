package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"stanzahook/pkg/stanza"
)

// format implements a [Format]: how an event is encoded, and what answers mean.
type format struct {
	encode  func(dst []byte, e *Endpoint, ev *Event) ([]byte, error) // appends
	header  func(add func(name, value string), ev *Event)            // Content-Type, and others
	judge   func(e *Endpoint, ev *Event, a *Answer) Verdict
	network *stanza.Error // for the sender when the endpoint cannot be reached
}

// formatOf returns the implementation of a format; nil if no format has this name.
func formatOf(f Format) *format {
	unreachable := &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service cannot be reached"}
	switch f {
	case FormatRestJSON:
		return &format{encodeRestJSON, restHeader(mediaJSON), judgeRest, unreachable}
	case FormatRestXML:
		return &format{encodeRestXML, restHeader(mediaXMPP), judgeRest, unreachable}
	case FormatComponentHTTP:
		return &format{encodeComponentHTTP, contentType(mediaJSON), judgeComponentHTTP, componentHTTPError(0)}
	case FormatEvent:
		return &format{encodeEvent, contentType(mediaJSON), judgeEvent, unreachable}
	}
	return nil
}

// Media types of requests and answers.
const (
	mediaJSON = "application/json"
	mediaXMPP = "application/xmpp+xml"
	mediaForm = "application/x-www-form-urlencoded"
	mediaText = "text/plain"
)

func contentType(mediaType string) func(func(name, value string), *Event) {
	return func(add func(name, value string), _ *Event) { add("Content-Type", mediaType) }
}

// marshal is json.Marshal without escapes for < > &: XML stays readable.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// success reports whether the endpoint has accepted an event.
func success(status int) bool { return status >= 200 && status < 300 }

// passing reports whether a failure may pass by itself: RFC 9110 section 15.6
// (5xx) and 15.5.9 (408), RFC 8470 (425), RFC 6585 (429).
func passing(status int) bool {
	return status >= 500 || status == 408 || status == 425 || status == 429
}

// refusal returns the verdict of a module's format on a status that is no success:
// it is the bot's answer to this stanza. Only a queued event is retried.
func refusal(e *Endpoint, a *Answer, err *stanza.Error) Verdict {
	v := Verdict{Outcome: Refused, Err: err, Reason: reasonOf(a.Status)}
	if e.Queued && passing(a.Status) {
		v.Outcome, v.After = Again, pause(a)
	}
	return v
}

// pause returns how long an endpoint asks to wait. Retry-After means that
// with 429 (RFC 6585 section 4) and 503 (RFC 9110 section 15.6.4).
func pause(a *Answer) time.Duration {
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		return a.RetryAfter
	}
	return 0
}

// accepted returns the verdict on an answer of success with these replies, or with replies
// that cannot be read.
func accepted(replies []*stanza.Stanza, err error) Verdict {
	if err != nil {
		return invalidReply(err)
	}
	return Verdict{Replies: replies}
}

// invalidReply returns the verdict on an answer of success that cannot be read: the
// endpoint has accepted the event, so it is not retried, but the sender gets an error.
func invalidReply(err error) Verdict {
	return Verdict{Outcome: Refused, Reason: invalid + ": " + err.Error(), Err: unreadable()}
}

func unreadable() *stanza.Error {
	return &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the answer of the service could not be read"}
}

// answerable reports whether replies to a stanza make sense: not to errors and
// results.
func answerable(s *stanza.Stanza) bool { return s.Type != "error" && s.Type != "result" }
