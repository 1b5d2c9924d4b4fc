package v1

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// deadLetters serves the list of dead letters, and their replay.
type deadLetters struct {
	all Deliveries
	now clock
}

func (d deadLetters) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.view(http.MethodGet, "/v1/dead-letters", gateway.ScopeAdmin, with(d.list, "endpoint", "jid", "after", "before", "limit", "cursor", "group")),
		e.route(http.MethodPost, "/v1/deliveries/replay", gateway.ScopeAdmin, without(d.replayMatching)),
		e.route(http.MethodPost, "/v1/deliveries/drop", gateway.ScopeAdmin, without(d.dropMatching)),
		e.route(http.MethodPost, "/v1/endpoints/{name}/replay", gateway.ScopeAdmin, with(d.replay, "since")),
	}
}

func (d deadLetters) list(w http.ResponseWriter, r *http.Request, values url.Values) error {
	f, err := d.now.filter(values)
	if err != nil {
		return err
	}
	if values.Has("group") {
		return d.groups(w, r, f, values)
	}
	items, next, err := d.all.DeadLetters(r.Context(), f)
	return answerPage(w, r, items, next, err)
}

// replay replays all dead letters of an endpoint.
func (d deadLetters) replay(w http.ResponseWriter, r *http.Request, values url.Values) error {
	since, err := d.now.moment(values, "since")
	if err != nil {
		return err
	}
	if err := body(w, r, &struct{}{}); err != nil {
		return err
	}
	name := mux.Vars(r)["name"]
	n, err := d.all.ReplayAll(r.Context(), name, since)
	if err != nil && n > 0 {
		return fmt.Errorf("%d dead letters were replayed, and then: %w", n, err)
	}
	if err != nil {
		return ofEndpoint(name, err)
	}
	return answer(w, http.StatusAccepted, map[string]any{"endpoint": name, "replayed": n})
}
