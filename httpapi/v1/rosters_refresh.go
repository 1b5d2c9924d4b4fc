package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Job is the refresh of several rosters.
type Job struct {
	ID       string          `json:"id"`
	State    roster.JobState `json:"state"`
	Total    int             `json:"total"`
	Done     int             `json:"done"`
	Updated  int             `json:"updated"`
	Errors   int             `json:"errors"`
	Degraded int             `json:"degraded"` // of those updated
	Started  time.Time       `json:"started"`
	Ended    *time.Time      `json:"ended"`
	Results  []RosterResult  `json:"results"`
	LeftOut  int             `json:"left_out"` // so many results are not in Results
}

// RosterResult is what came of the refresh of one roster.
type RosterResult struct {
	User   string        `json:"user"` // bare JID
	Result roster.Result `json:"result"`
	Detail *string       `json:"detail"`
}

// NewJob is a job as the API shows it.
func NewJob(j roster.Job) Job {
	v := Job{ID: j.ID, State: j.State, Total: j.Total, Done: j.Done, Updated: j.Updated, Errors: j.Errors, Degraded: j.Degraded,
		Started: j.Started.UTC(), Ended: moment(j.Ended), Results: make([]RosterResult, 0, len(j.Results)), LeftOut: j.LeftOut}
	for _, one := range j.Results {
		v.Results = append(v.Results, RosterResult{one.User, one.Result, optional(one.Detail)})
	}
	return v
}

// JobPath is where a job can be asked for.
func JobPath(id string) string { return "/v1/jobs/" + id }

// refreshRoster refreshes one roster. It goes on when the caller goes.
func (h handler) refreshRoster(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "host", "force", "async")
	if err != nil {
		return err
	}
	force, f := httpapi.Flag(values, "force")
	if f != nil {
		return refused{f}
	}
	async, f := httpapi.Flag(values, "async")
	if f != nil {
		return refused{f}
	}
	if err := nothing(w, r); err != nil {
		return err
	}
	owner, err := h.owner(r, values.Get("host"))
	if err != nil {
		return err
	}
	if async {
		return h.start(w, r, []jid.JID{owner}, force)
	}
	if err := h.Rosters.Available(r.Context(), owner); errors.Is(err, gateway.ErrDown) {
		return unreached(r, err)
	}
	o, err := h.Rosters.Refresh(r.Context(), owner, force)
	if err != nil {
		return unreached(r, err)
	}
	return answer(w, http.StatusOK, RosterResult{owner.String(), o.Result, optional(o.Detail)})
}

// start begins a job and answers with it.
func (h handler) start(w http.ResponseWriter, r *http.Request, owners []jid.JID, force bool) error {
	job, err := h.Rosters.Start(r.Context(), owners, roster.JobOptions{Force: force, Keep: true, Caller: httpapi.IdentityOf(r.Context()).Name})
	if errors.Is(err, gateway.ErrStopping) || errors.Is(err, roster.ErrTooMany) {
		return unreached(r, err)
	}
	if err != nil {
		return err
	}
	FollowJob(r.Context(), job)
	j := NewJob(job.Snapshot())
	w.Header().Set("Location", httpapi.Location(r.Context(), JobPath(j.ID)))
	return answer(w, http.StatusAccepted, j)
}

// FollowJob interrupts a job when the right of who has begun it is taken away.
func FollowJob(ctx context.Context, job *roster.Running) {
	release := httpapi.HoldWork(ctx, httpapi.Needs(gateway.ScopeRoster), func(*httpapi.Fault) { job.Interrupt() })
	go func() {
		<-job.Done()
		release()
	}()
}

// refreshRosters begins the refresh of several rosters, or of all that are
// known.
func (h handler) refreshRosters(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	var ask struct {
		Users []*string
		All   bool
		Host  string
		Force bool
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	switch {
	case ask.All && ask.Users != nil:
		return wrongf("users: goes without all")
	case !ask.All && ask.Users == nil:
		return wrongf(`users: is missing; write {"users":["john@example.com"]}, or {"all":true} for those whose rosters were refreshed before`)
	}
	host, err := h.host(ask.Host)
	if err != nil {
		return wrongf("%s", err)
	}
	var owners []jid.JID
	for i, name := range ask.Users {
		if name == nil {
			return wrongf("users[%d]: is no string", i)
		}
		owner, err := h.Rosters.Owner(*name, host)
		if err != nil {
			return wrongf("users[%d]: %s", i, err)
		}
		owners = append(owners, owner)
	}
	if ask.All {
		if owners, err = h.Rosters.Known(r.Context(), host); err != nil {
			return err
		}
	}
	return h.start(w, r, owners, ask.Force)
}

func (h handler) showJob(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "results")
	if err != nil {
		return err
	}
	without := false
	if values.Has("results") {
		with, f := httpapi.Flag(values, "results")
		if f != nil {
			return refused{f}
		}
		without = !with
	}
	id := mux.Vars(r)["id"]
	j, known, err := h.Rosters.Job(r.Context(), id)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: no job has the id %q, or not any more; they are kept for %d hours", gateway.ErrNotFound, id, int(roster.JobKeep.Hours()))
	}
	if without {
		j.Results, j.LeftOut = nil, j.LeftOut+len(j.Results)
	}
	return answer(w, http.StatusOK, NewJob(j))
}
