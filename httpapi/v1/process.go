package v1

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Reload reads the configuration again and applies it. It returns what has changed, for
// people. With an error nothing has changed; the error is a [*Refusal] if the
// configuration is invalid.
type Reload func(context.Context) (changed []string, err error)

// Refusal is why a configuration was rejected.
type Refusal struct{ Problems []string } // one for each mistake

func (r *Refusal) Error() string {
	return "configuration rejected; still running with the previous one"
}

// ReloadPath is where a process reads its configuration again.
const ReloadPath = "/v1/reload"

const (
	statusTimeout = 10 * time.Second
	checkTimeout  = 30 * time.Second // for all checks together
)

// process serves what is about the process as a whole.
type process struct {
	reload Reload
	status func(context.Context) (Status, error)
	check  func(context.Context, CheckFor) []Check
}

func (p process) routes(e errorLog) []httpapi.Route {
	reload := without(empty(p.readAgain))
	if p.reload == nil {
		reload = func(http.ResponseWriter, *http.Request) error { return gateway.ErrNotFound }
	}
	routes := []httpapi.Route{e.route(http.MethodPost, ReloadPath, gateway.ScopeAdmin, reload)}
	routes = append(routes, e.route(http.MethodGet, "/v1/self", "", without(showSelf)))
	if p.status != nil {
		routes = append(routes, e.route(http.MethodGet, "/v1/status", "", without(p.show)))
	}
	if p.check != nil {
		routes = append(routes, e.route(http.MethodPost, "/v1/check", gateway.ScopeAdmin, without(p.inspect)))
	}
	return routes
}

func (p process) show(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	st, err := p.status(ctx)
	if err != nil {
		return err
	}
	if limited(r, gateway.ScopeAdmin) {
		st = st.forReader()
	}
	return answer(w, http.StatusOK, st)
}

// inspect checks everything now. It changes nothing, and no endpoint gets a request.
func (p process) inspect(w http.ResponseWriter, r *http.Request) error {
	var ask struct{ User, Config string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	var about CheckFor
	if ask.User != "" {
		var err error
		if about.User, err = jid.Parse(ask.User); err != nil || about.User.Local() == "" || !about.User.IsBare() {
			return wrongf("user: %q is not the address of a user; write for example juliet@example.com", ask.User)
		}
	}
	if ask.Config != "" {
		var err error
		if about.Config, err = hex.DecodeString(ask.Config); err != nil || len(about.Config) != sha256.Size {
			return wrongf("config: write the SHA-256 of the configuration file's content, as 64 hexadecimal digits")
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	return answer(w, http.StatusOK, NewChecked(p.check(ctx, about)))
}

func (p process) readAgain(w http.ResponseWriter, r *http.Request) error {
	changed, err := p.reload(context.WithoutCancel(r.Context()))
	if no, ok := errors.AsType[*Refusal](err); ok {
		return &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: no.Error(), Members: map[string]any{"problems": no.Problems}}
	}
	if err != nil {
		return err
	}
	if changed == nil {
		changed = []string{}
	}
	return answer(w, http.StatusOK, map[string]any{"changed": changed})
}
