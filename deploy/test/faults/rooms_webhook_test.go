//go:build integration

package faults

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// roomsWebhook is a bot that keeps what it hears in rooms, and says nothing.
type roomsWebhook struct {
	URL string

	mu       sync.Mutex
	heard    map[string][]string // by room: the texts as they came first
	ids      map[string]string   // by text: the webhook-id
	missed   map[string]bool     // by text
	again    int                 // came again, under the same id
	problems []string
}

func newRoomsWebhook(t *testing.T) *roomsWebhook {
	t.Helper()
	w := &roomsWebhook{heard: make(map[string][]string), ids: make(map[string]string), missed: make(map[string]bool)}
	s := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(s.Close)
	w.URL = s.URL
	return w
}

func (w *roomsWebhook) serve(rw http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle
	}
	var ev struct {
		ID, Type string
		Data     struct {
			From, Body string
			Room       struct {
				JID, Nick   string
				Missed, Bot bool
			}
		}
	}
	err = json.Unmarshal(raw, &ev)
	defer rw.WriteHeader(http.StatusNoContent)
	w.mu.Lock()
	defer w.mu.Unlock()
	room := &ev.Data.Room
	switch was, seen := w.ids[ev.Data.Body]; {
	case err != nil || ev.ID != r.Header.Get("Webhook-Id") || room.JID == "":
		w.problems = append(w.problems, "not an event of a room: "+string(raw))
	case ev.Type != "message.groupchat" || ev.Data.Body == "":
	case ev.Data.From != room.JID+"/"+room.Nick || room.Bot:
		w.problems = append(w.problems, "not by whom it says: "+string(raw))
	case !seen:
		w.ids[ev.Data.Body], w.missed[ev.Data.Body] = ev.ID, room.Missed
		w.heard[room.JID] = append(w.heard[room.JID], ev.Data.Body)
	case was != ev.ID:
		w.problems = append(w.problems, ev.Data.Body+" came as "+was+" and as "+ev.ID)
	default:
		w.again++
	}
}

func (w *roomsWebhook) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ids[text] != ""
}

// await waits for texts.
func (w *roomsWebhook) await(t *testing.T, texts []string) {
	t.Helper()
	left := texts
	harness.Await(t, "what was said has come", 2*harness.Patience, func() bool {
		for len(left) > 0 && w.has(left[0]) {
			left = left[1:]
		}
		return len(left) == 0
	})
}
