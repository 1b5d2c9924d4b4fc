package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Rosters are those of all configured hosts; [roster.Rosters] implements it.
type Rosters interface {
	// Domains returns the configured hosts.
	Domains() []string
	// Owner parses a user, name@host or a name at host, or at the only host if that is
	// empty. Errors: [*roster.ErrNoHost], [*jid.Error].
	Owner(name, host string) (jid.JID, error)
	// Known returns the users who have a record, in order: those of one host, or all
	// if that is empty.
	Known(ctx context.Context, host string) ([]jid.JID, error)
	View(ctx context.Context, owner jid.JID) (roster.View, error)
	// Last returns the result of the last refresh, without asking the XMPP server.
	Last(ctx context.Context, owner jid.JID) (roster.Last, error)
	// Preview returns what a refresh would change. Errors: those of a
	// [roster.Backend], [*roster.SourceFailure], [*roster.StoreFailure].
	Preview(ctx context.Context, owner jid.JID) (roster.Changes, error)
	// Available returns why the rosters of the user's host are unavailable now.
	Available(ctx context.Context, owner jid.JID) error
	// Refresh goes on when ctx ends. Errors: gateway.ErrStopping, ctx's.
	Refresh(ctx context.Context, owner jid.JID, force bool) (roster.Outcome, error)
	// Start starts a job. Errors: gateway.ErrStopping, roster.ErrTooMany, gateway.ErrFull.
	Start(ctx context.Context, owners []jid.JID, o roster.JobOptions) (*roster.Running, error)
	Job(ctx context.Context, id string) (job roster.Job, known bool, err error)
}

// rosters serves /v1/rosters and /v1/jobs.
type rosters struct{ all Rosters }

func (x rosters) routes(e errorLog) []httpapi.Route {
	known := func(serve handler) handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			if x.all == nil {
				return fmt.Errorf("%w: the configuration has no rosters", gateway.ErrNotFound)
			}
			return serve(w, r)
		}
	}
	route := func(method, path string, serve handler) httpapi.Route {
		return e.route(method, path, gateway.ScopeRoster, known(serve))
	}
	view := func(method, path string, serve handler) httpapi.Route {
		return e.view(method, path, gateway.ScopeRoster, known(serve))
	}
	return []httpapi.Route{
		view(http.MethodGet, "/v1/rosters", with(x.list, "limit", "cursor", "host")),
		route(http.MethodPost, "/v1/rosters/refresh", without(x.refreshMany)),
		view(http.MethodGet, "/v1/rosters/{jid}", x.of(x.show)),
		route(http.MethodGet, "/v1/rosters/{jid}/diff", x.of(x.diff)),
		route(http.MethodPost, "/v1/rosters/{jid}/refresh", with(x.refresh, "host", "force", "async")),
		route(http.MethodGet, "/v1/jobs/{id}", with(x.showJob, "results")),
	}
}

// unavailable gives an error of a roster its status.
func unavailable(r *http.Request, err error) error {
	is := func(target error) bool { return errors.Is(err, target) }
	no := func(status, retryAfter int) error {
		return &httpapi.Fault{Status: status, Text: err.Error(), RetryAfter: retryAfter}
	}
	var source *roster.SourceFailure
	var store *roster.StoreFailure
	switch {
	case r.Context().Err() != nil:
		return no(httpapi.StatusGone, 0)
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
	return no(http.StatusUnprocessableEntity, 0) // the server refused: see roster.Backend
}

// owner parses the user in the path.
func (x rosters) owner(r *http.Request, host string) (jid.JID, error) {
	owner, err := x.all.Owner(mux.Vars(r)["jid"], host)
	var unknown *roster.ErrNoHost
	switch {
	case errors.As(err, &unknown):
		return owner, fmt.Errorf("%w: %s", gateway.ErrNotFound, unknown.Text)
	case err != nil:
		return owner, wrongf("%s", err)
	}
	return owner, nil
}

// of gives serve the user in the path.
func (x rosters) of(serve func(http.ResponseWriter, *http.Request, jid.JID) error) handler {
	return with(func(w http.ResponseWriter, r *http.Request, values url.Values) error {
		owner, err := x.owner(r, values.Get("host"))
		if err != nil {
			return err
		}
		return serve(w, r, owner)
	}, "host")
}

// host parses a configured host; empty: any.
func (x rosters) host(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	j, err := jid.Parse(text)
	if err != nil || !slices.Contains(x.all.Domains(), j.String()) {
		return "", fmt.Errorf("host: %q has no rosters here; the hosts are %s", text, strings.Join(x.all.Domains(), ", "))
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

func (x rosters) list(w http.ResponseWriter, r *http.Request, values url.Values) error {
	host, err := x.host(values.Get("host"))
	if err != nil {
		return fmt.Errorf("%w: %w", gateway.ErrNotFound, err)
	}
	limit, err := number(values, "limit", defaultOwners, maxOwners)
	if err != nil {
		return err
	}
	all, err := x.all.Known(r.Context(), host)
	if err != nil {
		return err
	}
	if cursor := values.Get("cursor"); cursor != "" { // the last item of the previous page
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

// contacts returns a roster by address; nil if it is not known.
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

func (x rosters) show(w http.ResponseWriter, r *http.Request, owner jid.JID) error {
	if limited(r, gateway.ScopeRoster) {
		return x.showLast(w, r, owner)
	}
	v, err := x.all.View(r.Context(), owner)
	if err != nil {
		return unavailable(r, err)
	}
	a := rosterJSON{JID: owner, Backend: optional(v.Backend), Wanted: contacts(v.Wanted), Actual: contacts(v.Actual), ActualTime: moment(v.ReadAt)}
	if v.ReadErr != nil {
		a.ActualError = new(v.ReadErr.Error())
	}
	a.Last = newLast(v.Last)
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

func (x rosters) diff(w http.ResponseWriter, r *http.Request, owner jid.JID) error {
	c, err := x.all.Preview(r.Context(), owner)
	if err != nil {
		return unavailable(r, err)
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
