package postmsg

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/account"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

const (
	loginTimeout = 10 * time.Second // includes the wait for a place
	maxTogether  = 64               // requests that wait for one login
	// refusalTime, or a multiple, is the duration of an answer to a wrong password, so
	// that it does not tell whether the account exists.
	refusalTime = 500 * time.Millisecond
	rememberFor = time.Minute // a right password
	maxVerified = 10_000
)

// accounts checks Basic credentials that are a JID and a password.
type accounts struct {
	o        Options
	verified *verified

	mu     sync.Mutex
	flying map[fingerprint]*flight
}

// flight is a login in progress; other requests with the same credentials wait for it.
type flight struct {
	done    chan struct{}
	err     error
	waiting int // requests, by accounts.mu
}

func newAccounts(o Options) *accounts {
	return &accounts{
		o: o, verified: newVerified(rememberFor, maxVerified), flying: make(map[fingerprint]*flight),
	}
}

// check is the Basic of the Mount.
func (a *accounts) check(r *http.Request, user, password string) (httpapi.Identity, *httpapi.Fault, bool) {
	if !strings.Contains(user, "@") {
		return httpapi.Identity{}, nil, false // perhaps the name of a token
	}
	who, err := jid.Parse(user)
	if err != nil || !who.IsBare() || who.Local() == "" {
		return httpapi.Identity{}, refuse(http.StatusForbidden, "Credentials malformed: send the account's bare address and its password, user@host:password"), true
	}
	if !slices.Contains(a.o.Hosts, who.Domain()) {
		return httpapi.Identity{}, refuse(http.StatusForbidden, "Credentials not accepted: accounts of this host cannot be used here (http.basic.accounts.hosts)"), true
	}
	seal := a.verified.fingerprint(who, password)
	if !a.verified.has(seal) {
		began := time.Now()
		err := a.login(r, who, secret.New(password), seal)
		if errors.Is(err, account.ErrPassword) || errors.Is(err, account.ErrDisabled) {
			pause(r.Context(), refusalTime-time.Since(began)%refusalTime)
		}
		if f := a.fault(r, err); f != nil {
			return httpapi.Identity{}, f, true
		}
	}
	return httpapi.Identity{Caller: gateway.Caller{Name: who.String(), Account: who, Scopes: []string{gateway.ScopeSend}}, Group: "accounts"}, nil, true
}

// pause waits, unless the caller goes.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// known reports whether an account that has logged in may still call.
func (a *accounts) known(name string) bool {
	who, err := jid.Parse(name)
	return err == nil && slices.Contains(a.o.Hosts, who.Domain())
}

// forget removes a remembered password.
func (a *accounts) forget(who jid.JID, password string) {
	a.verified.remove(a.verified.fingerprint(who, password))
}

// login checks a password, once for all requests that have it at the same time.
func (a *accounts) login(r *http.Request, who jid.JID, password secret.String, seal fingerprint) error {
	a.mu.Lock()
	f, flying := a.flying[seal]
	if !flying {
		f = &flight{done: make(chan struct{})}
		a.flying[seal] = f
	}
	many := flying && f.waiting >= maxTogether
	if flying && !many {
		f.waiting++
	}
	a.mu.Unlock()
	if many {
		return gateway.ErrBusy
	}
	if flying {
		select {
		case <-f.done:
			return f.err
		case <-r.Context().Done():
			return context.Cause(r.Context())
		}
	}
	// Others wait for the login, so it goes on if this caller goes.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), loginTimeout)
	defer cancel()
	f.err = a.try(ctx, who, password, httpapi.ClientNetwork(r.Context()))
	if f.err == nil {
		a.verified.add(seal)
	}
	a.mu.Lock()
	delete(a.flying, seal)
	a.mu.Unlock()
	close(f.done)
	return f.err
}

// try logs in at the server, unless too many logins have failed.
func (a *accounts) try(ctx context.Context, who jid.JID, password secret.String, address string) error {
	failures := a.o.Failures
	if wait := failures.Wait(who.String(), address); wait > 0 { // before it takes a place
		return httpapi.TooOften(wait)
	}
	leave, err := a.o.Logins.take(ctx, address)
	if err != nil {
		return fmt.Errorf("%w: %w", gateway.ErrBusy, err)
	}
	defer leave()
	if wait := failures.Begin(who.String(), address); wait > 0 {
		return httpapi.TooOften(wait)
	}
	keep := a.o.Privileged == nil || !a.o.Privileged.Granted(who.Domain())
	err = a.o.Accounts.Login(ctx, who, password, keep)
	outcome := httpapi.Unknown
	switch {
	case err == nil:
		outcome = httpapi.Right
	case errors.Is(err, account.ErrPassword), errors.Is(err, account.ErrDisabled):
		outcome = httpapi.Wrong
	}
	failures.End(who.String(), address, outcome)
	return err
}

// fault returns the refusal for an error of login.
func (a *accounts) fault(r *http.Request, err error) *httpapi.Fault {
	if f, ok := errors.AsType[*httpapi.Fault](err); ok { // too many have failed
		return f
	}
	switch {
	case err == nil:
		return nil
	case r.Context().Err() != nil:
		return refuse(httpapi.StatusGone, "the caller has closed the connection during the login") // only in the access log
	}
	if f := a.o.loginFailed(r, err); f != nil {
		return f
	}
	return a.o.loginFailed(r, fmt.Errorf("%w: %w", account.ErrUnreachable, err))
}
