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

// with gives serve the query parameters. It refuses unknown and repeated ones.
func with(serve func(http.ResponseWriter, *http.Request, url.Values) error, known ...string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		values, f := httpapi.Parameters(r, known...)
		if f != nil {
			return f
		}
		return serve(w, r, values)
	}
}

// without refuses all query parameters.
func without(serve handler) handler {
	return with(func(w http.ResponseWriter, r *http.Request, _ url.Values) error { return serve(w, r) })
}

// empty refuses a body with fields.
func empty(serve handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := body(w, r, &struct{}{}); err != nil {
			return err
		}
		return serve(w, r)
	}
}

// clock tells the time.
type clock func() time.Time

// moment reads a time, or a duration back from now.
func (now clock) moment(values url.Values, name string) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, wrongf("%s: %q is neither a time such as 2026-11-20T18:00:00Z nor a duration such as 2h", name, text)
	}
	return t, nil
}

// states are those of a delivery.
var states = [...]string{"queued", "retrying", "delivered", "dead", "dropped"}

// filter reads the query parameters of a list of deliveries.
func (now clock) filter(values url.Values) (f delivery.Filter, err error) {
	f = delivery.Filter{Endpoint: values.Get("endpoint"), State: deliverylog.State(values.Get("state")), Cursor: values.Get("cursor")}
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
	if f.Limit, err = number(values, "limit", defaultLimit, maxLimit); err != nil {
		return f, err
	}
	if f.After, err = now.moment(values, "after"); err != nil {
		return f, err
	}
	f.Before, err = now.moment(values, "before")
	return f, err
}

// number reads a query parameter from 1 to most.
func number(values url.Values, name string, otherwise, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, wrongf("%s: write a number from 1 to %d", name, most)
	}
	return n, nil
}

// duration reads a query parameter up to most.
func duration(values url.Values, name string, otherwise, most time.Duration) (time.Duration, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, wrongf("%s: %q is not a duration up to %s; write for example 5s", name, text, most)
	}
	return d, nil
}

// flag reads a query parameter that ?name=1 sets.
func flag(values url.Values, name string) (bool, error) {
	set, f := httpapi.Flag(values, name)
	if f != nil {
		return false, f
	}
	return set, nil
}
