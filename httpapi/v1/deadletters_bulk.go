package v1

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// DeadGroup is the dead letters of one endpoint with one reason.
type DeadGroup struct {
	Endpoint *string   `json:"endpoint"` // null: of the outbox, or of several
	Reason   *string   `json:"reason"`   // null: all that are in no other group
	Count    int       `json:"count"`
	Oldest   time.Time `json:"oldest"` // when they died
	Newest   time.Time `json:"newest"`
}

func (d deadLetters) groups(w http.ResponseWriter, r *http.Request, f delivery.Filter, values url.Values) error {
	switch {
	case limited(r, gateway.ScopeAdmin): // reasons quote endpoints
		return httpapi.Lacks(gateway.ScopeAdmin)
	case values.Get("group") != "reason":
		return wrongf("group: %q is not known; write reason", values.Get("group"))
	case values.Has("limit") || values.Has("cursor"):
		return wrongf("group: all groups come at once; leave limit and cursor out")
	}
	found, err := d.all.Groups(r.Context(), f)
	if err != nil {
		return err
	}
	var items []DeadGroup
	for _, g := range found {
		items = append(items, DeadGroup{optional(g.Endpoint), optional(g.Reason), g.Count, g.Oldest.UTC(), g.Newest.UTC()})
	}
	return answer(w, http.StatusOK, newPage(items, ""))
}

// matching is the body of what is done to all dead letters that match. Its filter has the
// parameters of the list.
type matching struct {
	Filter struct{ Endpoint, State, JID, After, Before string }
	Expect *int
}

func (d deadLetters) replayMatching(w http.ResponseWriter, r *http.Request) error {
	n, err := d.each(w, r, "replayed", d.all.ReplayMatching)
	if err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, map[string]int{"replayed": n})
}

func (d deadLetters) dropMatching(w http.ResponseWriter, r *http.Request) error {
	n, err := d.each(w, r, "dropped", d.all.DropMatching)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]int{"dropped": n})
}

// each does something to all dead letters that match, if they are as many as expected.
func (d deadLetters) each(w http.ResponseWriter, r *http.Request, done string, do func(context.Context, delivery.Filter, int) (int, error)) (int, error) {
	var ask matching
	if err := body(w, r, &ask); err != nil {
		return 0, err
	}
	if ask.Expect == nil || *ask.Expect < 0 {
		return 0, wrongf("expect: write how many dead letters match, as GET /v1/dead-letters?group=reason counts them; if they are others by then, nothing is done")
	}
	if s := ask.Filter.State; s != "" && s != "dead" {
		return 0, wrongf("filter.state: %q does not go here: only dead letters can be %s together; leave it out", s, done)
	}
	values := make(url.Values)
	for name, value := range map[string]string{"endpoint": ask.Filter.Endpoint, "jid": ask.Filter.JID, "after": ask.Filter.After, "before": ask.Filter.Before} {
		if value != "" {
			values.Set(name, value)
		}
	}
	f, err := d.now.filter(values)
	if err != nil {
		return 0, wrongf("filter.%s", err)
	}
	n, err := do(r.Context(), f, *ask.Expect)
	if err != nil && n > 0 {
		return n, fmt.Errorf("%d dead letters were %s, and then: %w", n, done, err)
	}
	return n, err
}
