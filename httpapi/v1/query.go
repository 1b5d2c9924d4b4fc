package v1

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/store/deliverylog"
)

const (
	defaultLimit = 50
	maxLimit     = 500
)

// parameters returns the query parameters, if they are all known and there
// once at most.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	values, f := httpapi.Parameters(r, known...)
	if f != nil {
		return nil, refused{f}
	}
	return values, nil
}

// moment reads a time, or a duration back from now.
func (h handler) moment(values url.Values, name string) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return h.Now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, wrongf("%s: %q is neither a time such as 2026-11-20T18:00:00Z nor a duration such as 2h", name, text)
	}
	return t, nil
}

// states are those a delivery can be in.
var states = [...]string{"queued", "retrying", "delivered", "dead", "dropped"}

func (h handler) filter(r *http.Request, known ...string) (delivery.Filter, error) {
	values, err := parameters(r, known...)
	if err != nil {
		return delivery.Filter{}, err
	}
	f := delivery.Filter{Endpoint: values.Get("endpoint"), State: deliverylog.State(values.Get("state")), Cursor: values.Get("cursor"), Limit: defaultLimit}
	if f.State != "" && !slices.Contains(states[:], string(f.State)) {
		return f, wrongf("state: %q is not one of %s", f.State, strings.Join(states[:], ", "))
	}
	if text := values.Get("jid"); text != "" {
		j, err := jid.Parse(text)
		if err != nil {
			return f, wrongf("jid: %s", err)
		}
		f.JID = j.String()
	}
	if text := values.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > maxLimit {
			return f, wrongf("limit: write a number from 1 to %d", maxLimit)
		}
	}
	if f.After, err = h.moment(values, "after"); err != nil {
		return f, err
	}
	f.Before, err = h.moment(values, "before")
	return f, err
}
