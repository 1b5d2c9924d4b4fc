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

// retryAfter is when to try again, in seconds.
const retryAfter = 5

// refresh refreshes rosters, and answers when all are done. It goes on if the caller goes.
//
// Killed meanwhile: the caller has no answer; see [roster.Jobs].
func (h handler) refresh(w http.ResponseWriter, r *http.Request, u users, how options) {
	if !how.async {
		if len(u.owners) == 0 {
			httpapi.WriteJSON(w, http.StatusOK, answer{Status: ok, Message: complete})
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
		httpapi.WriteJSON(w, http.StatusAccepted, j)
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
		w.WriteHeader(httpapi.StatusGone)
		return
	}
	j := job.Snapshot()
	status := http.StatusOK
	if j.Done < j.Total { // stanzahook is stopping
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		status = http.StatusServiceUnavailable
	}
	httpapi.WriteJSON(w, status, summarize(j, u))
}

// down returns why all of the hosts are unreachable. If some are not, each user has a
// result.
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

// unable returns the refusal for the error of starting a refresh.
func (h handler) unable(r *http.Request, err error) *httpapi.Fault {
	switch {
	case errors.Is(err, gateway.ErrDown), errors.Is(err, gateway.ErrStopping), errors.Is(err, roster.ErrTooMany):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%s; nothing was refreshed, try again later", err), RetryAfter: retryAfter}
	case errors.Is(err, gateway.ErrFull):
		return &httpapi.Fault{Status: http.StatusInsufficientStorage, Text: fmt.Sprintf("%s; nothing was refreshed", err), RetryAfter: 60}
	}
	id := httpapi.RequestID(r.Context())
	h.Log.Error("roster refresh not started", zap.String("request_id", id), zap.Error(err))
	return refuse(http.StatusInternalServerError, "internal error; the log has it under the request id "+id)
}
