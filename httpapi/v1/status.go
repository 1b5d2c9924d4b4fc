package v1

import (
	"context"
	"net/http"
	"time"

	"stanzahook/pkg/roster"
)

// Status is how the process is. It has no addresses of webhooks, and no secrets:
// every token may see it.
type Status struct {
	Version   string           `json:"version"`
	Started   time.Time        `json:"started"`
	Uptime    int64            `json:"uptime_s"`
	Links     []LinkStatus     `json:"links"`
	Outbox    []OutboxStatus   `json:"outbox"`
	Endpoints []EndpointStatus `json:"endpoints"`
	Removed   []RemovedStatus  `json:"removed_endpoints"`
	Rosters   []RosterStatus   `json:"rosters"`
	Store     StoreStatus      `json:"store"`
}

// LinkStatus is the connection of a component.
type LinkStatus struct {
	Component string    `json:"component"`
	Server    string    `json:"server"`
	State     string    `json:"state"` // connecting, up, down or shared
	Since     time.Time `json:"since"`
	Reason    *string   `json:"reason"` // why it is not up, and what to do
	// Privileges are what hosts let the component do (XEP-0356): by host, such as
	// "roster=both message=outgoing (urn:xmpp:privilege:2)".
	Privileges map[string]string `json:"privileges"`
}

// OutboxStatus is what waits for the XMPP server.
type OutboxStatus struct {
	Component string `json:"component"`
	Waiting   int    `json:"waiting"`
	Expired   int64  `json:"expired"` // since the start of the process
}

// EndpointStatus is how an endpoint is; see [Endpoint] for more.
type EndpointStatus struct {
	Name        string       `json:"name"`
	State       string       `json:"state"` // ok, failing, open or disabled
	Reason      *string      `json:"reason"`
	Since       *time.Time   `json:"since"`
	PausedUntil *time.Time   `json:"paused_until"`
	Queued      int          `json:"queued"`
	Oldest      *time.Time   `json:"oldest"`
	InFlight    int          `json:"in_flight"`
	DeadLetters int          `json:"dead_letters"`
	LastSuccess *time.Time   `json:"last_success"`
	LastError   *FailureJSON `json:"last_error"`
}

// NewEndpointStatus is the part of an endpoint that everybody may see.
func NewEndpointStatus(e *Endpoint) EndpointStatus {
	return EndpointStatus{
		Name: e.Name, State: e.State, Reason: e.Reason, Since: e.Since, PausedUntil: e.PausedUntil, Queued: e.Queued, Oldest: e.Oldest,
		InFlight: e.InFlight, DeadLetters: e.DeadLetters, LastSuccess: e.LastSuccess, LastError: e.LastError,
	}
}

// RemovedStatus is the queue of an endpoint that is not in the configuration any
// more.
type RemovedStatus struct {
	Name   string     `json:"name"`
	Queued int        `json:"queued"`
	Oldest *time.Time `json:"oldest"`
}

// RosterStatus is how the rosters of one host's users are kept.
type RosterStatus struct {
	Host      string  `json:"host"`
	Component string  `json:"component"` // whose privileges are used
	Backend   *string `json:"backend"`   // the way to them; null: none was found, or none was needed yet
	Reason    *string `json:"reason"`    // why this one, or why none
	Running   int     `json:"running"`   // refreshes under way or waiting
	// Refreshed counts refreshes since the start of the process, by result.
	Refreshed map[roster.Result]int64 `json:"refreshed"`
}

// StoreStatus is how full the store is.
type StoreStatus struct {
	Bytes    int64   `json:"bytes"`
	MaxBytes int64   `json:"max_bytes"`
	Full     bool    `json:"full"`
	Reason   *string `json:"reason"` // why it takes nothing more
}

// statusTimeout bounds how long the parts may take to say how they are.
const statusTimeout = 10 * time.Second

func (h handler) showStatus(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	st, err := h.Status(ctx)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, st)
}
