package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Rosters is what is known of rosters and what can be done with them;
// [roster.Rosters] does it.
type Rosters interface {
	// Domains are the hosts whose rosters are kept.
	Domains() []string
	// Owner reads the name of a user; a bare one is at host, or at the only one
	// if that is empty. Errors: [*roster.ErrNoHost], [*jid.Error].
	Owner(name, host string) (jid.JID, error)
	// Known are the owners who have a record, in order; at one host, or at all
	// if that is empty.
	Known(ctx context.Context, host string) ([]jid.JID, error)
	View(ctx context.Context, owner jid.JID) (roster.View, error)
	// Preview returns what a refresh would change. Errors: those of a
	// [roster.Backend], [*roster.SourceFailure], [*roster.StoreFailure].
	Preview(ctx context.Context, owner jid.JID) (roster.Changes, error)
	// Available returns why the rosters of a host cannot be reached now.
	Available(ctx context.Context, owner jid.JID) error
	// Refresh goes on when ctx ends. Errors: gateway.ErrStopping, ctx's.
	Refresh(ctx context.Context, owner jid.JID, force bool) (roster.Outcome, error)
	// Start begins a job. Errors: gateway.ErrStopping, roster.ErrTooMany, gateway.ErrFull.
	Start(ctx context.Context, owners []jid.JID, o roster.JobOptions) (*roster.Running, error)
	Job(ctx context.Context, id string) (job roster.Job, known bool, err error)
}

// rosterRoutes are there also without rosters, to say so.
func (h handler) rosterRoutes() []httpapi.Route {
	route := func(method, path string, serve func(http.ResponseWriter, *http.Request) error) httpapi.Route {
		return httpapi.Route{Method: method, Path: path, Handler: h.scoped(gateway.ScopeRoster, func(w http.ResponseWriter, r *http.Request) error {
			if h.Rosters == nil {
				return fmt.Errorf("%w: the configuration has no rosters; write there whose are to be kept", gateway.ErrNotFound)
			}
			return serve(w, r)
		})}
	}
	return []httpapi.Route{
		route(http.MethodGet, "/v1/rosters", h.listRosters),
		route(http.MethodPost, "/v1/rosters/refresh", h.refreshRosters),
		route(http.MethodGet, "/v1/rosters/{jid}", h.showRoster),
		route(http.MethodGet, "/v1/rosters/{jid}/diff", h.diffRoster),
		route(http.MethodPost, "/v1/rosters/{jid}/refresh", h.refreshRoster),
		route(http.MethodGet, "/v1/jobs/{id}", h.showJob),
	}
}

// unreached gives what kept a roster from being reached its status.
func unreached(r *http.Request, err error) error {
	is := func(target error) bool { return errors.Is(err, target) }
	no := func(status, retryAfter int) error {
		return refused{&httpapi.Fault{Status: status, Text: err.Error(), RetryAfter: retryAfter}}
	}
	var source *roster.SourceFailure
	var store *roster.StoreFailure
	switch {
	case r.Context().Err() != nil:
		return no(statusGone, 0)
	case errors.As(err, &source):
		return no(http.StatusBadGateway, 0)
	case errors.As(err, &store):
		return err
	case is(gateway.ErrDown), is(gateway.ErrStopping):
		return no(http.StatusServiceUnavailable, 5)
	case is(roster.ErrTooMany):
		return no(http.StatusServiceUnavailable, 10)
	case is(roster.ErrNoSuchUser):
		return no(http.StatusNotFound, 0)
	case is(roster.ErrTimeout), is(context.DeadlineExceeded), is(context.Canceled):
		return no(http.StatusGatewayTimeout, 0)
	}
	return no(http.StatusUnprocessableEntity, 0) // so the server has refused: see roster.Backend
}

// owner is the user whom the path names, who is at a host of ours.
func (h handler) owner(r *http.Request, host string) (jid.JID, error) {
	owner, err := h.Rosters.Owner(mux.Vars(r)["jid"], host)
	var unknown *roster.ErrNoHost
	switch {
	case errors.As(err, &unknown):
		return owner, fmt.Errorf("%w: %s", gateway.ErrNotFound, unknown.Text)
	case err != nil:
		return owner, wrongf("%s", err)
	}
	return owner, nil
}

// host is one whose rosters are kept, as a caller writes it; empty: any. Its
// error is for him.
func (h handler) host(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	j, err := jid.Parse(text)
	if err != nil || !slices.Contains(h.Rosters.Domains(), j.String()) {
		return "", fmt.Errorf("host: the rosters of %q are not kept here; those of %s are", text, strings.Join(h.Rosters.Domains(), ", "))
	}
	return j.String(), nil
}

const (
	defaultOwners = 100
	maxOwners     = 1000
)

type ownerJSON struct {
	JID jid.JID `json:"jid"`
}

func (h handler) listRosters(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "limit", "cursor", "host")
	if err != nil {
		return err
	}
	host, err := h.host(values.Get("host"))
	if err != nil {
		return fmt.Errorf("%w: %w", gateway.ErrNotFound, err)
	}
	limit := defaultOwners
	if text := values.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxOwners {
			return wrongf("limit: write a number from 1 to %d", maxOwners)
		}
	}
	all, err := h.Rosters.Known(r.Context(), host)
	if err != nil {
		return err
	}
	if cursor := values.Get("cursor"); cursor != "" { // the last of the page before
		at, found := slices.BinarySearchFunc(all, cursor, func(j jid.JID, c string) int { return strings.Compare(j.String(), c) })
		if found {
			at++
		}
		all = all[at:]
	}
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].String()
	}
	var items []ownerJSON
	for _, owner := range all {
		items = append(items, ownerJSON{owner})
	}
	return answer(w, http.StatusOK, newPage(items, next))
}

type contactJSON struct {
	Name         string              `json:"name"`
	Groups       []string            `json:"groups"`
	Subscription roster.Subscription `json:"subscription"`
}

func newContact(i roster.Item) contactJSON {
	c := contactJSON{i.Name, i.Groups, i.Subscription}
	if c.Groups == nil {
		c.Groups = []string{}
	}
	return c
}

// contacts is a roster by address; nil if it is not known.
func contacts(r roster.Roster) map[string]contactJSON {
	if r == nil {
		return nil
	}
	all := make(map[string]contactJSON, len(r))
	for contact, item := range r {
		all[contact.String()] = newContact(item)
	}
	return all
}

type rosterJSON struct {
	JID         jid.JID                `json:"jid"`
	Backend     *string                `json:"backend"`
	Wanted      map[string]contactJSON `json:"wanted"`
	Actual      map[string]contactJSON `json:"actual"`
	ActualTime  *time.Time             `json:"actual_time"`
	ActualError *string                `json:"actual_error"`
	Last        *lastJSON              `json:"last"`
}

type lastJSON struct {
	Time   time.Time     `json:"time"`
	Result roster.Result `json:"result"`
	Detail *string       `json:"detail"`
}

func (h handler) showRoster(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "host")
	if err != nil {
		return err
	}
	owner, err := h.owner(r, values.Get("host"))
	if err != nil {
		return err
	}
	v, err := h.Rosters.View(r.Context(), owner)
	if err != nil {
		return unreached(r, err)
	}
	a := rosterJSON{JID: owner, Backend: optional(v.Backend), Wanted: contacts(v.Wanted), Actual: contacts(v.Actual), ActualTime: moment(v.ReadAt)}
	if v.ReadErr != nil {
		text := v.ReadErr.Error()
		a.ActualError = &text
	}
	if v.Last.Result != "" {
		a.Last = &lastJSON{v.Last.Time.UTC(), v.Last.Result, optional(v.Last.Detail)}
	}
	return answer(w, http.StatusOK, a)
}

type itemJSON struct {
	JID jid.JID `json:"jid"`
	contactJSON
}

type changeJSON struct {
	JID  jid.JID     `json:"jid"`
	From contactJSON `json:"from"`
	To   contactJSON `json:"to"`
}

type diffJSON struct {
	Add    []itemJSON   `json:"add"`
	Change []changeJSON `json:"change"`
	Remove []itemJSON   `json:"remove"`
}

func (h handler) diffRoster(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "host")
	if err != nil {
		return err
	}
	owner, err := h.owner(r, values.Get("host"))
	if err != nil {
		return err
	}
	c, err := h.Rosters.Preview(r.Context(), owner)
	if err != nil {
		return unreached(r, err)
	}
	d := diffJSON{Add: []itemJSON{}, Change: []changeJSON{}, Remove: []itemJSON{}}
	for _, i := range c.Add {
		d.Add = append(d.Add, itemJSON{i.JID, newContact(i)})
	}
	for _, ch := range c.Change {
		d.Change = append(d.Change, changeJSON{ch.To.JID, newContact(ch.From), newContact(ch.To)})
	}
	for _, i := range c.Remove {
		d.Remove = append(d.Remove, itemJSON{i.JID, newContact(i)})
	}
	return answer(w, http.StatusOK, d)
}
