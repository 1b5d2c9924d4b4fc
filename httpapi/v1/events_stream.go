package v1

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// streamPage is how many events are read from the store at a time.
const streamPage = 100

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
	stream{
		first: opening, beat: heartbeat, may: httpapi.Needs(gateway.ScopeEvents),
		next: func(ctx context.Context) ([]byte, error) {
			list, err := reader.Next(ctx, streamPage, v.heartbeat)
			return frames(list), err
		},
		onError: func(err error) error { return v.logged(r, err) },
	}.serve(w, r)
	return nil
}

// logged logs an error that is ours, and returns what the caller is to know of it.
func (v events) logged(r *http.Request, err error) error {
	if reasonOf(err) != unknown {
		return err
	}
	return errors.New(v.fault(r, err).Text)
}

// frames are events as the lines of a stream. JSON has no line breaks.
func frames(list []delivery.Pulled) []byte {
	var b bytes.Buffer
	for _, e := range list {
		b.WriteString("id: " + e.Cursor + "\ndata: ")
		b.Write(e.JSON)
		b.WriteString("\n\n")
	}
	return b.Bytes()
}
