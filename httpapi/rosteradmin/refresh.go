package rosteradmin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/roster"
)

// statusGone is for the access log, where the caller has gone; he does not see
// it.
const statusGone = 499

// retryAfter is when to ask again for what could not be done, in seconds.
const retryAfter = 5

// refresh refreshes rosters, and answers when all are done. It goes on when the
// caller goes.
//
// Killed meanwhile: see [roster.Jobs]; the caller has no answer.
func (h handler) refresh(w http.ResponseWriter, r *http.Request, u users, how options) {
	if !how.async {
		if len(u.owners) == 0 {
			write(w, http.StatusOK, answer{Status: ok, Message: complete})
			return
		}
		if err := h.down(r, u); err != nil {
			failWith(w, h.unable(r, err), len(u.owners))
			return
		}
	}
	job, err := h.Rosters.Start(r.Context(), u.owners, roster.JobOptions{Force: how.force, Keep: how.async, Caller: httpapi.IdentityOf(r.Context()).Name})
	if err != nil {
		failWith(w, h.unable(r, err), len(u.owners))
		return
	}
	v1.FollowJob(r.Context(), job)
	if how.async {
		j := v1.NewJob(job.Snapshot())
		w.Header().Set("Location", httpapi.Location(r.Context(), v1.JobPath(j.ID)))
		write(w, http.StatusAccepted, j)
		return
	}
	ctx, release := httpapi.Hold(r.Context(), httpapi.Needs(gateway.ScopeRoster))
	defer release()
	select {
	case <-job.Done():
	case <-ctx.Done():
		if f := httpapi.Lost(ctx); f != nil {
			failWith(w, f, len(u.owners))
			return
		}
		w.WriteHeader(statusGone)
		return
	}
	j := job.Snapshot()
	status := http.StatusOK
	if j.Done < j.Total { // stanzahook is stopping
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		status = http.StatusServiceUnavailable
	}
	write(w, status, judge(j, u))
}

// down returns why none of the hosts can be reached. Where some can, each user
// has a result of his own.
func (h handler) down(r *http.Request, u users) error {
	var last error
	seen := make(map[string]bool)
	for _, owner := range u.owners {
		if seen[owner.Domain()] {
			continue
		}
		seen[owner.Domain()] = true
		last = h.Rosters.Available(r.Context(), owner)
		if !errors.Is(last, gateway.ErrDown) {
			return nil
		}
	}
	return last
}

// unable gives what kept a refresh from being begun its status.
func (h handler) unable(r *http.Request, err error) *httpapi.Fault {
	switch {
	case errors.Is(err, gateway.ErrDown), errors.Is(err, gateway.ErrStopping), errors.Is(err, roster.ErrTooMany):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%s; nothing was refreshed, try again later", err), RetryAfter: retryAfter}
	case errors.Is(err, gateway.ErrFull):
		return &httpapi.Fault{Status: http.StatusInsufficientStorage, Text: fmt.Sprintf("%s; nothing was refreshed", err), RetryAfter: 60}
	}
	id := httpapi.RequestID(r.Context())
	h.Log.Error("a refresh of rosters could not be begun", zap.String("request_id", id), zap.Error(err))
	return refuse(http.StatusInternalServerError, "something went wrong here; the log has it under the request id "+id)
}
