package v1

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

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
	// streamPage is how many events are read from the store at a time.
	streamPage = 100
)

// wantsStream reports whether the caller asks for server-sent events.
func wantsStream(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept") {
		for entry := range strings.SplitSeq(header, ",") {
			media, params, err := mime.ParseMediaType(entry)
			if err != nil || media != mediaStream {
				continue
			}
			q, err := strconv.ParseFloat(params["q"], 64)
			return err != nil || q > 0
		}
	}
	return false
}

// stream answers with server-sent events until the caller goes; the id of each event is
// its cursor. Sending an event does not acknowledge it: the Last-Event-ID of the next
// request does, or a POST meanwhile.
func (v events) stream(w http.ResponseWriter, r *http.Request, values url.Values) error {
	cursor := values.Get("cursor")
	if last := r.Header.Get("Last-Event-ID"); last != "" { // newer than the cursor in the URL
		cursor = last
	}
	reader, err := v.all.Read(r.Context(), mux.Vars(r)["name"], cursor)
	if err != nil {
		return err
	}
	defer reader.Close()
	s := beginStream(w)
	// From here on an error of a write means that the caller has gone.
	may := httpapi.Needs(gateway.ScopeEvents)
	ctx, release := httpapi.Hold(r.Context(), may)
	defer release()
	for ok := s.write(": events follow\n\n"); ok; {
		list, err := reader.Next(ctx, streamPage, v.heartbeat)
		if f := cmp.Or(httpapi.Lost(ctx), httpapi.Still(ctx, may)); f != nil { // checked at each heartbeat, and when the right is lost
			s.end(endOfRight(f))
			return nil
		}
		switch {
		case r.Context().Err() != nil:
			return nil
		case err != nil:
			s.end(v.endOf(r, err))
			return nil
		case len(list) == 0:
			ok = s.write(": heartbeat\n\n")
		default:
			ok = s.write(frames(list))
		}
	}
	return nil
}

// ended is why a stream ends: in a word, and for people.
type ended struct{ reason, detail string }

// endOf is the end of a stream whose reader failed. It logs errors that are ours.
func (v events) endOf(r *http.Request, err error) ended {
	switch {
	case errors.Is(err, delivery.ErrReplaced):
		return ended{"replaced", err.Error()}
	case errors.Is(err, delivery.ErrDisabled):
		return ended{"disabled", err.Error()}
	case errors.Is(err, gateway.ErrStopping):
		return ended{"stopping", err.Error()}
	}
	return ended{"error", v.fault(r, err).Text}
}

// endOfRight is the end of a stream whose caller may not read any more.
func endOfRight(f *httpapi.Fault) ended {
	if f.Status == http.StatusUnauthorized {
		return ended{"unauthorized", f.Text}
	}
	return ended{"forbidden", f.Text}
}

// frames are events as the lines of a stream. JSON has no line breaks.
func frames(list []delivery.Pulled) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString("id: " + e.Cursor + "\ndata: ")
		b.Write(e.JSON)
		b.WriteString("\n\n")
	}
	return b.String()
}

// stream is an answer of server-sent events.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// beginStream begins an answer of server-sent events.
func beginStream(w http.ResponseWriter) stream {
	header := w.Header()
	header.Set("Content-Type", mediaStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would buffer the events
	w.WriteHeader(http.StatusOK)
	return stream{w, http.NewResponseController(w)}
}

// write sends text now. It reports false if the caller has gone.
func (s stream) write(text string) bool { return s.send([]byte(text)) }

// send is write for bytes.
func (s stream) send(b []byte) bool {
	// An error is that of a recorder in a test, or of a closed connection, which Write
	// reports too.
	_ = s.c.SetWriteDeadline(time.Now().Add(streamTime))
	if _, err := s.w.Write(b); err != nil {
		return false
	}
	return s.c.Flush() == nil
}

// end sends the last event of a stream, with the reason. It has no id, so that the
// caller's position does not change.
func (s stream) end(e ended) {
	data := httpapi.JSON(map[string]string{"reason": e.reason, "detail": e.detail})
	s.write("event: end\ndata: " + string(data) + "\n") // the stream ends in any case
}
