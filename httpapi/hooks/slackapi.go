package hooks

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"stanzahook/httpapi"
	"stanzahook/pkg/hook"
)

// slackCall is a request to a method of Slack's API.
//
// chat.postMessage answers with the ts of the message. It is kept as the thread of that name,
// over restarts, so that thread_ts finds the message to reply to, and chat.update the one to
// correct. It is made of the message's id.
type slackCall struct{ update bool }

// noMessage is the word of Slack for a ts that is not known.
const noMessage = "message_not_found"

// slackAPI serves a method that sends something.
func (h *handler) slackAPI(call slackCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		matchOf(r.Context()).api = &call
		h.serve(w, r)
	})
}

// say says what a request wants with its message.
func (c *slackCall) say(one *say, of string) {
	switch {
	case c.update:
		one.thread, one.handle, one.update, one.must = of, "", hook.UpdateCorrect, true
	case one.thread != "":
		one.update = hook.UpdateReply
	}
}

// slackID returns an id for a message with a ts of its own.
func (s *Statuses) slackID() string {
	s.mu.Lock()
	s.lastTS = max(s.lastTS+1, time.Now().UnixMicro())
	ts := s.lastTS
	s.mu.Unlock()
	var id ulid.ULID
	_, _ = rand.Read(id[8:])         // it does not fail
	_ = id.SetTime(uint64(ts / 1e3)) // nor this, until the year 10889
	id[6], id[7] = byte(ts%1e3>>8), byte(ts%1e3)
	return id.String()
}

// tsOf returns the ts of the message with an id; "" for an id that slackID has not made.
func tsOf(id string) string {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return ""
	}
	ms := u.Time()
	return fmt.Sprintf("%d.%03d%03d", ms/1e3, ms%1e3, (int(u[6])<<8|int(u[7]))%1e3)
}

// writeSlackAPI answers as the methods of Slack's API do: 200, and ok says more. What a
// caller should repeat has its own status.
func writeSlackAPI(w http.ResponseWriter, c *slackCall, o *outcome) {
	if o.failed() {
		status := http.StatusOK
		if o.status >= 500 {
			status = o.status
		}
		httpapi.WriteJSON(w, status, map[string]any{"ok": false, "error": o.reason})
		return
	}
	ts, text := tsOf(o.id), o.text0()
	v := map[string]any{"ok": true, "channel": o.notice.Target}
	if c.update {
		ts, v["text"] = o.notice.Of, text
	}
	v["ts"], v["message"] = ts, map[string]any{"type": "message", "ts": ts, "text": text}
	httpapi.WriteJSON(w, http.StatusOK, v)
}

// authTest answers auth.test, by which clients of Slack see whether their token is right.
func (h *handler) authTest(w http.ResponseWriter, r *http.Request) {
	m := matchOf(r.Context())
	httpapi.WriteJSON(w, http.StatusOK, map[string]any{"ok": true, "team": "stanzahook", "user": m.Name, "team_id": "T0", "user_id": "U0", "bot_id": "B0"})
}
