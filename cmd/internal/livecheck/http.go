package livecheck

import (
	"context"
	"errors"
	"fmt"
	"net"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/plural"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/ejabberdapi"
)

// reach connects to where requests to an address go, through the same guard and
// with the same TLS, and makes none.
func (i *Inspection) reach(ctx context.Context, a *outbound.Address, tls config.ClientTLS) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return outbound.Reach(ctx, i.guard(), outbound.ClientOptions{Proxy: i.Config.Outbound.ProxyURL(), TLS: tls.Config(), Socket: a.Socket()}, a.Base())
}

func (i *Inspection) guard() *outbound.Guard { return outbound.NewGuard(i.Config.Outbound.Networks) }

// reached says what the connection has shown.
func (i *Inspection) reached(a *outbound.Address) string {
	switch {
	case a.Socket() != "":
		return a.Socket() + " takes connections"
	case i.Config.Outbound.ProxyURL() != nil:
		return "the proxy takes connections; the first delivery shows what is behind it"
	case a.Scheme() == "https":
		return a.Host() + " takes connections, and its certificate is trusted"
	}
	return a.Host() + " takes connections"
}

// reachable says what to do about an error of [Inspection.reach]: starting a
// program does not help where the URL leads to another or nowhere.
func reachable(err error, program, key string) string {
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return "correct " + key + ", or let the DNS know the name"
	}
	if errors.Is(err, outbound.ErrSpeaksHTTP) || errors.Is(err, outbound.ErrWantsTLS) {
		return "correct " + key
	}
	return "start " + program + ", or correct " + key
}

// Endpoint checks a webhook.
func (i *Inspection) Endpoint(ctx context.Context, c *config.Endpoint) v1.Check {
	const what = "endpoint"
	var now v1.Endpoint
	if i.Endpoints != nil {
		var err error
		if now, err = i.Endpoints.Get(ctx, c.Name); err != nil {
			return failing(what, c.Name, "its queue cannot be read: "+err.Error(), "see the log")
		}
	}
	found := "its events are pulled"
	if c.Address != nil {
		if err := i.reach(ctx, c.Address, c.TLS); err != nil {
			if errors.Is(err, outbound.ErrRefused) {
				return failing(what, c.Name, err.Error(), "") // it says what to do
			}
			return failing(what, c.Name, "cannot be reached: "+err.Error(), reachable(err, "the bot", "endpoints[].url")+"; what is queued meanwhile is delivered then")
		}
		found = i.reached(c.Address)
	}
	if now.Queued > 0 {
		found += "; " + plural.Count(now.Queued, "event") + " queued"
	}
	if now.DeadLetters > 0 {
		found += "; " + plural.Count(now.DeadLetters, "dead letter")
	}
	reason := ""
	if now.Reason != nil {
		reason = ": " + *now.Reason
	}
	switch now.State {
	case "disabled":
		return warning(what, c.Name, found+"; it is disabled"+reason, "\"stanzahook endpoints enable "+c.Name+"\" delivers its events again")
	case "open", "failing":
		return warning(what, c.Name, found+"; its attempts fail"+reason, "\"stanzahook deliveries list --endpoint "+c.Name+"\" shows them")
	}
	return fine(what, c.Name, found)
}

// rosters checks the backends and the source of the rosters of a host.
func (i *Inspection) rosters(ctx context.Context, c *config.Roster) []v1.Check {
	all := []v1.Check{i.source(ctx, c)}
	if c.EjabberdAPI.URL != "" {
		all = append(all, i.ejabberdAPI(ctx, c))
	}
	if i.User.Domain() == c.Host {
		all = append(all, i.roster(ctx, c))
	}
	return all
}

// source checks the web application: what it wants for the user, or whether it
// is there.
func (i *Inspection) source(ctx context.Context, c *config.Roster) v1.Check {
	const what = "roster source"
	if i.User.Domain() == c.Host {
		want, err := i.Sources[c.Host].Fetch(ctx, i.User, "")
		switch {
		case errors.Is(err, roster.ErrUnknownUser):
			return fine(what, c.Host, fmt.Sprintf("it does not know %s (404), whose roster is left alone", i.User))
		case err != nil:
			return failing(what, c.Host, err.Error(), "correct rosters[].url, or the web application")
		}
		return fine(what, c.Host, fmt.Sprintf("it wants %s for %s", plural.Count(len(want.Roster), "contact"), i.User))
	}
	if err := i.reach(ctx, c.Address, c.TLS); err != nil {
		if errors.Is(err, outbound.ErrRefused) {
			return failing(what, c.Host, err.Error(), "")
		}
		return failing(what, c.Host, "cannot be reached: "+err.Error(), reachable(err, "the web application", "rosters[].url"))
	}
	return fine(what, c.Host, i.reached(c.Address)+"; --user asks it for a roster")
}

// ejabberdAPI reads the roster of the account that may use the API, which takes the
// right address and password. Then it asks, without a change, for each right that
// stanzahook needs.
func (i *Inspection) ejabberdAPI(ctx context.Context, c *config.Roster) v1.Check {
	const what = "ejabberd API"
	account, err := jid.Parse(c.EjabberdAPI.User)
	if err == nil {
		_, err = i.Backends[c.Host].API.Get(ctx, account)
	}
	if api, ok := i.Backends[c.Host].API.(*ejabberdapi.Backend); ok && err == nil {
		err = api.Allowed(ctx, c.Host)
	}
	if err != nil {
		return failing(what, c.Host, err.Error(), "") // it says what to do
	}
	return fine(what, c.Host, "it answers, and "+c.EjabberdAPI.User+" may read and change rosters")
}

// roster reads the user's roster from the server.
func (i *Inspection) roster(ctx context.Context, c *config.Roster) v1.Check {
	const what = "roster"
	backend, err := i.Backends[c.Host].Choose(ctx, i.User)
	var have roster.Roster
	if err == nil {
		have, err = backend.Get(ctx, i.User)
	}
	switch {
	case errors.Is(err, gateway.ErrDown):
		return failing(what, i.User.String(), "it cannot be read: "+err.Error(), "")
	case err != nil:
		return failing(what, i.User.String(), "it cannot be read: "+err.Error(), "let the server grant it: see the privileges")
	}
	return fine(what, i.User.String(), fmt.Sprintf("%s on the server, read by %s (%s)", plural.Count(len(have), "contact"), backend.Name(), backend.Reason))
}
