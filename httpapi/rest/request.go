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

// Requester sends an IQ of type get or set and returns its answer, which may be
// an error stanza. Other ends: gateway.ErrDown (also when the connection is lost while
// waiting), gateway.ErrBusy, gateway.ErrSameID, ctx's error, and errors that are ours.
type Requester interface {
	Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error)
}

// timeoutHeader says in seconds how long the caller waits for an IQ's answer.
const timeoutHeader = "Prosody-Rest-Timeout"

// request answers 200 with the answer of an IQ, also when that is an error, as
// mod_rest does. The wait ends when the caller goes.
func (h handler) request(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	wait, f := h.wait(r.Header)
	if f != nil {
		f.write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	ctx, release := httpapi.Hold(ctx, httpapi.MaySend(s, h.Domains()))
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
