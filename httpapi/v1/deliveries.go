package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// Deliveries is what is known of deliveries and what can be done with them.
// Errors: gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrFull, gateway.ErrCursor.
type Deliveries interface {
	// List and DeadLetters return a page, and the cursor of the next; empty if
	// there is none.
	List(ctx context.Context, f delivery.Filter) (items []delivery.Delivery, next string, err error)
	DeadLetters(ctx context.Context, f delivery.Filter) (items []delivery.Delivery, next string, err error)
	Get(ctx context.Context, id string) (delivery.Delivery, error)
	// Replay returns when the event is in the queue.
	Replay(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
	// ReplayAll replays the dead letters of an endpoint that died since a time;
	// zero: all. It returns how many, also with an error.
	ReplayAll(ctx context.Context, endpoint string, since time.Time) (int, error)
}

type deliveryJSON struct {
	ID          string        `json:"id"`
	Endpoint    *string       `json:"endpoint"`
	State       string        `json:"state"`
	Type        string        `json:"type"`
	From        string        `json:"from"`
	To          string        `json:"to"`
	Received    time.Time     `json:"received"`
	NextAttempt *time.Time    `json:"next_attempt"`
	Reason      *string       `json:"reason"`
	Note        *string       `json:"note"` // of the last attempt
	Attempts    []attemptJSON `json:"attempts"`
	Stanza      string        `json:"stanza,omitempty"`
}

type attemptJSON struct {
	Time        time.Time `json:"time"`
	Status      *int      `json:"status"`
	Duration    float64   `json:"duration_ms"`
	ContentType *string   `json:"content_type"`
	Error       *string   `json:"error"`
	Note        *string   `json:"note"`
	Answer      string    `json:"answer,omitempty"`
}

func jsonOfAttempt(a *delivery.Attempt) attemptJSON {
	return attemptJSON{a.Time.UTC(), optional(a.Status), milliseconds(a.Duration), optional(a.ContentType), optional(a.Error), optional(a.Note), a.Answer}
}

func jsonOf(d *delivery.Delivery) deliveryJSON {
	v := deliveryJSON{ID: d.ID, Endpoint: optional(d.Endpoint), State: string(d.State), Type: d.Type, From: d.From, To: d.To,
		Received: d.Received.UTC(), NextAttempt: moment(d.Next), Reason: optional(d.Reason), Attempts: []attemptJSON{}, Stanza: d.Stanza}
	for i := range d.Attempts {
		v.Attempts = append(v.Attempts, jsonOfAttempt(&d.Attempts[i]))
		v.Note = optional(d.Attempts[i].Note)
	}
	return v
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (h handler) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	f, err := h.filter(r, "endpoint", "state", "jid", "after", "before", "limit", "cursor")
	if err != nil {
		return err
	}
	return list(w, r, f, h.Deliveries.List)
}

func (h handler) listDeadLetters(w http.ResponseWriter, r *http.Request) error {
	f, err := h.filter(r, "endpoint", "jid", "after", "before", "limit", "cursor")
	if err != nil {
		return err
	}
	return list(w, r, f, h.Deliveries.DeadLetters)
}

func list(w http.ResponseWriter, r *http.Request, f delivery.Filter, get func(context.Context, delivery.Filter) ([]delivery.Delivery, string, error)) error {
	found, next, err := get(r.Context(), f)
	if err != nil {
		return err
	}
	var items []deliveryJSON
	for i := range found {
		v := jsonOf(&found[i])
		v.Stanza = ""
		for k := range v.Attempts {
			v.Attempts[k].Answer = ""
		}
		items = append(items, v)
	}
	return answer(w, http.StatusOK, newPage(items, next))
}

func (h handler) showDelivery(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	id := mux.Vars(r)["id"]
	d, err := h.Deliveries.Get(r.Context(), id)
	if err != nil {
		return ofDelivery(id, err)
	}
	return answer(w, http.StatusOK, jsonOf(&d))
}

// ofDelivery says which one is not there.
func ofDelivery(id string, err error) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: no delivery has the id %q, or not any more; the log and the dead letters are kept for a time only", gateway.ErrNotFound, id)
	}
	return err
}

func (h handler) dropDelivery(w http.ResponseWriter, r *http.Request) error {
	if err := noInput(w, r); err != nil {
		return err
	}
	id := mux.Vars(r)["id"]
	if err := h.Deliveries.Drop(r.Context(), id); err != nil {
		return ofDelivery(id, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h handler) replayDelivery(w http.ResponseWriter, r *http.Request) error {
	if err := noInput(w, r); err != nil {
		return err
	}
	id := mux.Vars(r)["id"]
	if err := h.Deliveries.Replay(r.Context(), id); err != nil {
		return ofDelivery(id, err)
	}
	return answer(w, http.StatusAccepted, map[string]string{"id": id, "state": "queued"})
}
