package v1

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

const (
	mediaStream = "text/event-stream"
	// defaultHeartbeat keeps proxies from closing a stream without events (WHATWG
	// HTML, server-sent events, section 9.2.7: about every 15 s).
	defaultHeartbeat = 15 * time.Second
	// streamTime bounds one write to a reader.
	streamTime = 30 * time.Second
)

// Comments of streams.
var (
	opening   = []byte(": events follow\n\n")
	heartbeat = []byte(": heartbeat\n\n")
)

// stream is an answer of server-sent events.
type stream struct {
	first []byte // what it begins with
	beat  []byte // what is sent if nothing has come for a while
	// next returns the next events; none if none came for a while, or ctx ended.
	next func(ctx context.Context) ([]byte, error)
	// onError returns what the caller is to know of an error of next; nil: the error.
	onError func(error) error
	// may returns why a caller may not read; a stream ends when its caller loses the right.
	may func(httpapi.Identity) *httpapi.Fault
}

// serve answers with the stream until the caller goes, may not read any more, or next
// fails. The caller learns the reason.
func (s stream) serve(w http.ResponseWriter, r *http.Request) {
	out := beginStream(w)
	// From here on an error of a write means that the caller has gone.
	ctx, release := httpapi.Wait(r.Context(), s.may)
	defer release()
	for ok := out.write(s.first); ok; {
		events, err := s.next(ctx)
		f := cmp.Or(httpapi.Lost(ctx), httpapi.Still(ctx, s.may)) // checked at each heartbeat, and when the right is lost
		switch {
		case f != nil:
			out.end(reasonOfLoss(f), f.Text)
			return
		case r.Context().Err() != nil:
			return
		case err != nil:
			if s.onError != nil {
				err = s.onError(err)
			}
			out.end(reasonOf(err), err.Error())
			return
		case len(events) == 0:
			events = s.beat
		}
		ok = out.write(events)
	}
}

// unknown is the reason of other errors than those of reasonOf.
const unknown = "error"

// reasonOf is why a stream ends with an error, in a word.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, delivery.ErrReplaced), errors.Is(err, ErrTakenOver):
		return "replaced"
	case errors.Is(err, ErrListenerSilent):
		return "silent"
	case errors.Is(err, delivery.ErrDisabled):
		return "disabled"
	case errors.Is(err, gateway.ErrStopping):
		return "stopping"
	}
	return unknown
}

// reasonOfLoss is why a stream ends whose caller may not read any more, in a word.
func reasonOfLoss(f *httpapi.Fault) string {
	if f.Status == http.StatusUnauthorized {
		return "unauthorized"
	}
	return "forbidden"
}

// output is where a stream is written to.
type output struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// beginStream begins an answer of server-sent events.
func beginStream(w http.ResponseWriter) output {
	header := w.Header()
	header.Set("Content-Type", mediaStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would buffer the events
	w.WriteHeader(http.StatusOK)
	return output{w, http.NewResponseController(w)}
}

// write sends events now. It reports false if the caller has gone.
func (o output) write(b []byte) bool {
	// An error is that of a recorder in a test, or of a closed connection, which Write
	// reports too.
	_ = o.c.SetWriteDeadline(time.Now().Add(streamTime))
	if _, err := o.w.Write(b); err != nil {
		return false
	}
	return o.c.Flush() == nil
}

// event is an event with a name and without an id, so that the caller's position does not
// change. JSON has no line breaks.
func event(name string, data any) []byte {
	return []byte("event: " + name + "\ndata: " + string(httpapi.JSON(data)) + "\n")
}

// end sends the last event of a stream: why it ends, in a word and for people.
func (o output) end(reason, detail string) {
	o.write(event("end", map[string]string{"reason": reason, "detail": detail})) // the stream ends in any case
}
