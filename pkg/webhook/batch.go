package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxBatch bounds Endpoint.Batch.
const MaxBatch = 100

// batchBytes bounds the body of a request with several events, in bytes.
const batchBytes = 256 << 10

// PostBatch makes one request for the first of some events of one conversation, for as
// many as Endpoint.Batch allows and as fit into it, and returns a verdict for each of
// these, one at least. The verdicts are those of so many attempts in a row, which end with
// the first that is to be tried again: an event after that is Behind. webhook-id is the id
// of the first event.
func (c *Client) PostBatch(ctx context.Context, events []*Event) []Verdict {
	if c.e.Batch <= 1 {
		return []Verdict{c.Post(ctx, events[0])}
	}
	f := c.format.Load()
	body, n := encodeBatch(c.e, events)
	events = events[:n]
	a, err := c.post(ctx, f, events[0], body)
	if _, no := errors.AsType[*unsendable](err); no {
		return []Verdict{impossible(err)}
	}
	if err != nil {
		return failedBatch(f.unanswered(err), n)
	}
	return c.judgeBatch(f, events, a)
}

// encodeBatch encodes the first n events as a JSON array.
func encodeBatch(e *Endpoint, events []*Event) (body []byte, n int) {
	body = append(make([]byte, 0, 4096), '[')
	for ; n < min(len(events), e.Batch) && e.sameURL(events[0], events[n]); n++ {
		before := len(body)
		if n > 0 {
			body = append(body, ',')
		}
		if body = appendEvent(body, e, events[n]); n > 0 && len(body) >= batchBytes {
			body = body[:before]
			break
		}
	}
	return append(body, ']'), n
}

// sameURL reports whether the URL of the endpoint is the same for two events.
func (e *Endpoint) sameURL(a, b *Event) bool {
	for _, p := range Placeholders() {
		if strings.Contains(e.URL, p) && a.value(p) != b.value(p) {
			return false
		}
	}
	return true
}

// judgeBatch judges the answer to a request with some events.
func (c *Client) judgeBatch(f *format, events []*Event, a *Answer) []Verdict {
	n := len(events)
	if !success(a.Status) {
		v := c.judged(f, events[0], a)
		if n > 1 && v.Fault == OfMessage { // it may be about any of them, or their number
			return behind(nil, n, Verdict{Status: a.Status, Body: a.Body, ContentType: a.Type,
				Reason: fmt.Sprintf("HTTP %d for a request with %d events; each is sent alone now", a.Status, n)})
		}
		return failedBatch(v, n)
	}
	list, given, err := a.elements()
	switch {
	case err == nil && !given:
		return each(n, c.completed(Verdict{}, a))
	case err == nil && len(list) > n:
		err = fmt.Errorf("JSON: an array with an answer for each event is expected; %d came for %d events", len(list), n)
	case err == nil && len(list) == 0:
		return failedBatch(c.completed(Verdict{Outcome: Again, Err: unreadable(), Fault: OfSender, Reason: "the answer is an empty array: no event was accepted"}, a), n)
	}
	if err != nil {
		return each(n, c.completed(invalidReply(err), a))
	}
	all := make([]Verdict, 0, n)
	for i, element := range list {
		v := c.judgeElement(f, events[i], a, element)
		if i == 0 && !c.e.Copy {
			v.Note.Replaced += a.note.Replaced
		}
		if all = append(all, v); v.Outcome == Again {
			return behind(all, n, Verdict{Status: a.Status, ContentType: a.Type, Reason: behindFailed})
		}
	}
	return behind(all, n, Verdict{Status: a.Status, ContentType: a.Type, Reason: fmt.Sprintf("not answered: the answer has %d elements for %d events", len(list), n)})
}

const behindFailed = "not answered: an event before it failed"

// failedBatch returns the verdicts on a request that failed as a whole: the first event
// failed, and no other was tried.
func failedBatch(first Verdict, n int) []Verdict {
	return behind([]Verdict{first}, n, Verdict{Status: first.Status, ContentType: first.ContentType, Reason: behindFailed})
}

// behind adds a verdict up to n of them, for events that the endpoint did not get to.
func behind(all []Verdict, n int, v Verdict) []Verdict {
	v.Outcome = Behind
	return append(all, each(n-len(all), v)...)
}

// each returns a verdict n times.
func each(n int, v Verdict) []Verdict {
	all := make([]Verdict, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// elements returns the elements of an answer of success; given is false if it has none
// for any event, which accepts all of them without replies.
func (a *Answer) elements() (list []json.RawMessage, given bool, err error) {
	switch {
	case a.Status == http.StatusAccepted || a.Status == http.StatusNoContent:
		return nil, false, nil
	case a.Unread != nil:
		return nil, true, a.Unread
	case !isJSON(a.MediaType) && a.MediaType != mediaText && !isXML(a.MediaType):
		a.otherType("a JSON array")
		return nil, false, nil
	}
	body, err := content(a)
	if body = bytes.TrimSpace(body); err != nil {
		return nil, true, err
	}
	switch {
	case len(body) == 0:
		a.note.Empty = true
		return nil, false, nil
	case isJSON(a.MediaType) && string(body) == "null":
		return nil, false, nil
	case !isJSON(a.MediaType):
		return nil, true, fmt.Errorf("a JSON array with an answer for each event is expected, not %s", a.MediaType)
	case body[0] != '[':
		return nil, true, errors.New("JSON: an array with an answer for each event is expected")
	case json.Unmarshal(body, &list) != nil:
		return nil, true, notObject(body)
	}
	return list, true, nil
}

// judgeElement judges the element of an answer for one event, as the whole answer to a
// request for it alone; its own status counts for that of the answer.
func (c *Client) judgeElement(f *format, ev *Event, a *Answer, element []byte) Verdict {
	one := &Answer{Status: a.Status, MediaType: mediaJSON, Type: mediaJSON, Body: element}
	status, after := ownStatus(element)
	if status != 0 {
		one.Status, one.RetryAfter = status, after
	}
	v := c.judged(f, ev, one)
	v.ContentType = a.Type
	if status != 0 {
		v.Disable = false // it is about the event
		if v.Fault == OfEndpoint {
			v.Fault = OfSender // the endpoint has answered
		}
	}
	return v
}

// ownStatus returns the status of failure in an element, such as {"status": 503,
// "retry_after": 5}; 0 if there is none. A text is the status of a presence.
func ownStatus(element []byte) (status int, after time.Duration) {
	if element[0] != '{' || !bytes.Contains(element, []byte(`"status"`)) {
		return 0, 0
	}
	var m members
	if json.Unmarshal(element, &m) != nil {
		return 0, 0
	}
	n, err := strconv.Atoi(string(m["status"]))
	if err != nil || n < 300 || n > 599 {
		return 0, 0
	}
	return n, retryAfter(strings.Trim(string(m["retry_after"]), `"`))
}
