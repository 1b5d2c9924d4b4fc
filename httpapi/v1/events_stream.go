package v1

import (
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
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
	// defaultHeartbeat keeps proxies from closing a stream in which nothing
	// comes (WHATWG HTML, server-sent events, section 9.2.7: about every 15 s).
	defaultHeartbeat = 15 * time.Second
	// streamTime is how long a reader may take for what was written at once.
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

// stream answers with server-sent events until the caller goes: the id of each
// is its cursor. What is sent is not acknowledged by that, but by the
// Last-Event-ID of the next request, or by a POST meanwhile.
func (h handler) stream(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "cursor")
	if err != nil {
		return err
	}
	cursor := values.Get("cursor")
	if last := r.Header.Get("Last-Event-ID"); last != "" { // newer than what the URL said at first
		cursor = last
	}
	reader, err := h.Events.Read(r.Context(), mux.Vars(r)["name"], cursor)
	if err != nil {
		return err
	}
	defer reader.Close()
	header := w.Header()
	header.Set("Content-Type", mediaStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // of nginx, which else gathers what comes
	w.WriteHeader(http.StatusOK)
	s := stream{w, http.NewResponseController(w)}
	// From here on a failure to write means that the caller has gone.
	may := httpapi.Needs(gateway.ScopeEvents)
	ctx, release := httpapi.Hold(r.Context(), may)
	defer release()
	for ok := s.write(": events follow\n\n"); ok; {
		list, err := reader.Next(ctx, streamPage, h.heartbeat())
		if f := cmp.Or(httpapi.Lost(ctx), httpapi.Still(ctx, may)); f != nil { // at each heartbeat, and at once when it is lost
			s.end(endOfRight(f))
			return nil
		}
		switch {
		case r.Context().Err() != nil:
			return nil
		case err != nil:
			s.end(h.endOf(r, err))
			return nil
		case len(list) == 0:
			ok = s.write(": heartbeat\n\n")
		default:
			ok = s.write(frames(list))
		}
	}
	return nil
}

func (h handler) heartbeat() time.Duration {
	if h.Heartbeat > 0 {
		return h.Heartbeat
	}
	return defaultHeartbeat
}

// ended is why a stream ends, in a word and for people.
type ended struct{ reason, detail string }

// endOf is the end of a stream whose reader cannot go on; a failure goes to the log.
func (h handler) endOf(r *http.Request, err error) ended {
	switch {
	case errors.Is(err, delivery.ErrReplaced):
		return ended{"replaced", err.Error()}
	case errors.Is(err, delivery.ErrDisabled):
		return ended{"disabled", err.Error()}
	case errors.Is(err, gateway.ErrStopping):
		return ended{"stopping", err.Error()}
	}
	return ended{"error", h.fault(r, err).Text}
}

// endOfRight is the end of a stream whose reader may not read any more.
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

// stream is the answer while it goes on.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// write sends text now. It reports false if the caller has gone.
func (s stream) write(text string) bool {
	// It fails on a recorder in a test, and on a closed connection, which the
	// writing will tell.
	_ = s.c.SetWriteDeadline(time.Now().Add(streamTime))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.c.Flush() == nil
}

// end tells the caller that nothing more comes, and why. It has no id: where
// the caller stands stays what it was.
func (s stream) end(e ended) {
	data, err := json.Marshal(map[string]string{"reason": e.reason, "detail": e.detail})
	if err == nil {
		s.write("event: end\ndata: " + string(data) + "\n\n") // its failure changes nothing
	}
}
