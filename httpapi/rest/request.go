package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
)

// timeoutHeader is how many seconds the caller waits for the answer of an IQ.
const timeoutHeader = "Prosody-Rest-Timeout"

// request answers 200 with the answer of an IQ, also if that is an error, as mod_rest
// does. The wait ends when the caller goes.
func (h handler) request(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	wait, f := h.wait(r.Header)
	if f != nil {
		f.write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	ctx, release := httpapi.Hold(ctx, httpapi.MaySend(s, h.Sender.Domains()))
	defer release()
	replies, err := h.ask(ctx, s)
	lost := httpapi.Lost(ctx)
	switch {
	case err == nil:
		writeStanzas(w, r, replies)
	case lost != nil:
		if lost.Status == http.StatusUnauthorized {
			httpapi.Challenge(w.Header(), r)
		}
		fromServer(lost).write(w, r)
	default:
		h.unsent(w, r, s, err)
	}
}

// wait returns how long to wait for an answer.
func (h handler) wait(header http.Header) (time.Duration, *fault) {
	text := header.Get(timeoutHeader)
	if text == "" {
		return h.IQTimeout, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if !(seconds > 0) || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, badTimeout.because("write a positive number of seconds in the header %s", timeoutHeader)
	}
	if seconds >= h.IQMaxTimeout.Seconds() {
		return h.IQMaxTimeout, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
