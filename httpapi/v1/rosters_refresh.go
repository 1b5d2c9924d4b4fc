package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	LeftOut  int             `json:"left_out"` // results that are not in Results
}

// RosterResult is the result of the refresh of one roster.
type RosterResult struct {
	User   string        `json:"user"` // bare JID
	Result roster.Result `json:"result"`
	Detail *string       `json:"detail"`
}

// NewJob returns a job as the API shows it.
func NewJob(j roster.Job) Job {
	v := Job{ID: j.ID, State: j.State, Total: j.Total, Done: j.Done, Updated: j.Updated, Errors: j.Errors, Degraded: j.Degraded,
		Started: j.Started.UTC(), Ended: moment(j.Ended), Results: make([]RosterResult, 0, len(j.Results)), LeftOut: j.LeftOut}
	for _, one := range j.Results {
		v.Results = append(v.Results, RosterResult{one.User, one.Result, optional(one.Detail)})
	}
	return v
}

// JobPath returns the path of a job.
func JobPath(id string) string { return "/v1/jobs/" + id }

// refresh refreshes one roster. It goes on if the caller goes.
func (x rosters) refresh(w http.ResponseWriter, r *http.Request, values url.Values) error {
	force, err := flag(values, "force")
	if err != nil {
		return err
	}
	async, err := flag(values, "async")
	if err != nil {
		return err
	}
	if err := body(w, r, &struct{}{}); err != nil {
		return err
	}
	owner, err := x.owner(r, values.Get("host"))
	if err != nil {
		return err
	}
	if async {
		return x.start(w, r, []jid.JID{owner}, force)
	}
	if err := x.all.Available(r.Context(), owner); errors.Is(err, gateway.ErrDown) {
		return unavailable(r, err)
	}
	o, err := x.all.Refresh(r.Context(), owner, force)
	if err != nil {
		return unavailable(r, err)
	}
	return answer(w, http.StatusOK, RosterResult{owner.String(), o.Result, optional(o.Detail)})
}

// start starts a job and answers with it.
func (x rosters) start(w http.ResponseWriter, r *http.Request, owners []jid.JID, force bool) error {
	job, err := x.all.Start(r.Context(), owners, roster.JobOptions{Force: force, Keep: true, Caller: httpapi.IdentityOf(r.Context()).Name})
	if errors.Is(err, gateway.ErrStopping) || errors.Is(err, roster.ErrTooMany) {
		return unavailable(r, err)
	}
	if err != nil {
		return err
	}
	FollowJob(r.Context(), job)
	j := NewJob(job.Snapshot())
	w.Header().Set("Location", httpapi.Location(r.Context(), JobPath(j.ID)))
	return answer(w, http.StatusAccepted, j)
}

// FollowJob interrupts a job when its caller loses the right to refresh rosters.
func FollowJob(ctx context.Context, job *roster.Running) {
	release := httpapi.HoldWork(ctx, httpapi.Needs(gateway.ScopeRoster), func(*httpapi.Fault) { job.Interrupt() })
	go func() {
		<-job.Done()
		release()
	}()
}

// refreshMany starts the refresh of several rosters, or of all known ones.
func (x rosters) refreshMany(w http.ResponseWriter, r *http.Request) error {
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
		return wrongf("users: cannot be used with all")
	case !ask.All && ask.Users == nil:
		return wrongf(`users: is missing; write {"users":["john@example.com"]}, or {"all":true} for all whose rosters were refreshed before`)
	}
	host, err := x.host(ask.Host)
	if err != nil {
		return wrongf("%s", err)
	}
	var owners []jid.JID
	for i, name := range ask.Users {
		if name == nil {
			return wrongf("users[%d]: is not a string", i)
		}
		owner, err := x.all.Owner(*name, host)
		if err != nil {
			return wrongf("users[%d]: %s", i, err)
		}
		owners = append(owners, owner)
	}
	if ask.All {
		if owners, err = x.all.Known(r.Context(), host); err != nil {
			return err
		}
	}
	return x.start(w, r, owners, ask.Force)
}

func (x rosters) showJob(w http.ResponseWriter, r *http.Request, values url.Values) error {
	listed, err := flag(values, "results")
	if err != nil {
		return err
	}
	id := mux.Vars(r)["id"]
	j, known, err := x.all.Job(r.Context(), id)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: no job has the id %q, or not any more; jobs expire after %d hours", gateway.ErrNotFound, id, int(roster.JobKeep.Hours()))
	}
	if values.Has("results") && !listed {
		j.Results, j.LeftOut = nil, j.LeftOut+len(j.Results)
	}
	return answer(w, http.StatusOK, NewJob(j))
}
