package v1

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// Deliveries are the deliveries and dead letters of all endpoints. Errors:
// gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrFull, gateway.ErrCursor.
type Deliveries interface {
	// List and DeadLetters return a page, and the cursor of the next; empty if
	// there is none.
	List(ctx context.Context, f delivery.Filter) (items []delivery.Delivery, next string, err error)
	DeadLetters(ctx context.Context, f delivery.Filter) (items []delivery.Delivery, next string, err error)
	Get(ctx context.Context, id string) (delivery.Delivery, error)
	// Behind returns how many events wait behind one, if that is known.
	Behind(endpoint, id string) (n int, known bool)
	// Request returns the request of a delivery, as it would be made now.
	Request(ctx context.Context, id string) (*delivery.Request, error)
	// Replay returns after the event was queued.
	Replay(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
	// ReplayAll replays the dead letters of an endpoint since a time, or all if that
	// is zero. It returns how many, also with an error.
	ReplayAll(ctx context.Context, endpoint string, since time.Time) (int, error)
	// Groups counts dead letters by endpoint and reason.
	Groups(ctx context.Context, f delivery.Filter) ([]delivery.Group, error)
	// ReplayMatching and DropMatching do that to dead letters if they are as many as
	// expected; else gateway.ErrConflict. They return how many, also with an error.
	ReplayMatching(ctx context.Context, f delivery.Filter, expected int) (int, error)
	DropMatching(ctx context.Context, f delivery.Filter, expected int) (int, error)
}

// Delivery is a delivery or a dead letter.
type Delivery struct {
	ID          string     `json:"id"`
	Endpoint    *string    `json:"endpoint"`
	State       string     `json:"state"`
	Type        string     `json:"type"`
	From        string     `json:"from"`
	To          string     `json:"to"`
	Received    time.Time  `json:"received"`
	NextAttempt *time.Time `json:"next_attempt"`
	Reason      *string    `json:"reason"`
	Note        *string    `json:"note"` // of the last attempt
	Attempts    []Attempt  `json:"attempts"`
	Waiting     *int       `json:"waiting,omitempty"` // events of its conversation behind it
	Stanza      string     `json:"stanza,omitempty"`
}

// Attempt is one attempt of a delivery.
type Attempt struct {
	Time        time.Time `json:"time"`
	Status      *int      `json:"status"`
	Duration    float64   `json:"duration_ms"`
	ContentType *string   `json:"content_type"`
	Error       *string   `json:"error"`
	Note        *string   `json:"note"`
	Answer      string    `json:"answer,omitempty"`
}

func jsonOfAttempt(a *delivery.Attempt) Attempt {
	return Attempt{a.Time.UTC(), optional(a.Status), milliseconds(a.Duration), optional(a.ContentType), optional(a.Error), optional(a.Note), a.Answer}
}

func jsonOf(d *delivery.Delivery) Delivery {
	v := Delivery{ID: d.ID, Endpoint: optional(d.Endpoint), State: string(d.State), Type: d.Type, From: d.From, To: d.To,
		Received: d.Received.UTC(), NextAttempt: moment(d.Next), Reason: optional(d.Reason), Attempts: []Attempt{}, Stanza: d.Stanza}
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

// deliveries serves /v1/deliveries.
type deliveries struct {
	all Deliveries
	now clock
}

func (d deliveries) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.view(http.MethodGet, "/v1/deliveries", gateway.ScopeAdmin, with(d.list, "endpoint", "state", "jid", "after", "before", "limit", "cursor")),
		e.view(http.MethodGet, "/v1/deliveries/{id}", gateway.ScopeAdmin, without(d.show)),
		e.route(http.MethodGet, "/v1/deliveries/{id}/request", gateway.ScopeAdmin, without(d.request)),
		e.route(http.MethodDelete, "/v1/deliveries/{id}", gateway.ScopeAdmin, without(empty(d.drop))),
		e.route(http.MethodPost, "/v1/deliveries/{id}/replay", gateway.ScopeAdmin, without(empty(d.replay))),
	}
}

func (d deliveries) list(w http.ResponseWriter, r *http.Request, values url.Values) error {
	f, err := d.now.filter(values)
	if err != nil {
		return err
	}
	items, next, err := d.all.List(r.Context(), f)
	return answerPage(w, r, items, next, err)
}

// answerPage answers with deliveries, without stanzas and answers, which may be large.
func answerPage(w http.ResponseWriter, r *http.Request, found []delivery.Delivery, next string, err error) error {
	if err != nil {
		return err
	}
	var items []Delivery
	for i := range found {
		v := jsonOf(&found[i])
		v.Stanza = ""
		for k := range v.Attempts {
			v.Attempts[k].Answer = ""
		}
		if limited(r, gateway.ScopeAdmin) {
			v = v.forReader()
		}
		items = append(items, v)
	}
	return answer(w, http.StatusOK, newPage(items, next))
}

func (d deliveries) show(w http.ResponseWriter, r *http.Request) error {
	id := mux.Vars(r)["id"]
	found, err := d.all.Get(r.Context(), id)
	if err != nil {
		return ofDelivery(id, err)
	}
	v := jsonOf(&found)
	if n, known := d.all.Behind(found.Endpoint, id); known {
		v.Waiting = &n
	}
	if limited(r, gateway.ScopeAdmin) {
		v = v.forReader()
	}
	return answer(w, http.StatusOK, v)
}

// ofDelivery names the delivery that was not found.
func ofDelivery(id string, err error) error {
	return notFound(err, "no delivery has the id %q, or not any more; the delivery log and dead letters expire", id)
}

func (d deliveries) drop(w http.ResponseWriter, r *http.Request) error {
	id := mux.Vars(r)["id"]
	return answerNone(w, ofDelivery(id, d.all.Drop(r.Context(), id)))
}

func (d deliveries) replay(w http.ResponseWriter, r *http.Request) error {
	id := mux.Vars(r)["id"]
	if err := d.all.Replay(r.Context(), id); err != nil {
		return ofDelivery(id, err)
	}
	return answer(w, http.StatusAccepted, map[string]string{"id": id, "state": "queued"})
}
