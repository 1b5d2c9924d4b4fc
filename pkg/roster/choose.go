package roster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Chooser picks the backend for a host.
type Chooser interface {
	// Choose returns the backend to use now. Its errors are those of a
	// [Backend] and say why there is none.
	Choose(ctx context.Context, owner jid.JID) (Choice, error)
	// Observe records what a refresh showed about a backend. It reports whether
	// the same roster should be tried again with another backend.
	Observe(Choice, Observation) (again bool)
}

// Choice is a backend and what is known about it.
type Choice struct {
	Backend
	SubscriptionsStay bool   // the server is known not to set subscriptions
	Reason            string // why this one
	connection        int64  // there was when it was chosen
}

// Observation is what a refresh showed about a backend.
type Observation int

// The observations.
const (
	SetsWork          Observation = iota + 1 // a subscription was set as wanted
	SubscriptionsStay                        // contacts were set, but not their subscriptions
	SetsFail                                 // the server cannot set contacts
)

// Grants are what the server lets a component do with the rosters of a host's
// users (XEP-0356 section 5).
type Grants struct {
	Connected  bool
	Connection int64  // of the link, by number
	Roster     string // get, set, both, or nothing
}

// Backends chooses one of the backends for a host's rosters. A single backend
// is always chosen. Of several, it prefers the privilege (XEP-0356) where it is
// granted and works, then ejabberd's API, then XEP-0321.
type Backends struct {
	Host                        string
	Privilege, API, RemoteItems Backend // nil: not to be used
	// Grants returns what the server grants; on a new connection it may wait a
	// moment for that.
	Grants func(context.Context) Grants
	Log    *zap.Logger

	mu         sync.Mutex
	connection int64 // to which the fields below apply: the next may reach another server
	observed   map[string]Observation
	remote     *bool     // XEP-0321 works; nil: not known
	unanswered time.Time // when a try of XEP-0321 last timed out
	lastLogged string
	chosen     Chosen
}

// Chosen is the outcome of the last choice.
type Chosen struct {
	Backend string // empty if there was none, or nothing was chosen yet
	Reason  string // why this backend, or why none
}

// Chosen returns the outcome of the last choice, for operators.
func (b *Backends) Chosen() Chosen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chosen
}

// Choose implements Chooser.
func (b *Backends) Choose(ctx context.Context, owner jid.JID) (Choice, error) {
	c, err := b.choose(ctx, owner)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.chosen = Chosen{Reason: err.Error()}
		return c, err
	}
	b.chosen = Chosen{c.Name(), c.Reason}
	c.SubscriptionsStay = b.observed[c.Name()] == SubscriptionsStay
	if b.lastLogged != c.Name()+c.Reason {
		b.lastLogged = c.Name() + c.Reason
		b.Log.Info("roster backend selected", zap.String("host", b.Host), zap.String("backend", c.Name()), zap.String("reason", c.Reason))
	}
	return c, nil
}

func (b *Backends) choose(ctx context.Context, owner jid.JID) (Choice, error) {
	if b.Privilege == nil && b.RemoteItems == nil {
		return Choice{Backend: b.API, Reason: "the configuration says so"}, nil
	}
	g := b.Grants(ctx)
	seen := b.about(g.Connection)
	is := func(backend Backend, format string, args ...any) (Choice, error) {
		return Choice{Backend: backend, Reason: fmt.Sprintf(format, args...), connection: g.Connection}, nil
	}
	switch {
	case b.API == nil && !g.Connected:
		return Choice{}, gateway.ErrDown
	case b.Privilege == nil:
		return is(b.RemoteItems, "the configuration says so")
	case b.API != nil && !g.Connected:
		return is(b.API, "there is no connection to the XMPP server")
	case b.API != nil && seen == SetsFail:
		return is(b.API, "the server cannot set contacts by XEP-0356, as a refresh showed")
	case b.API != nil && seen == SubscriptionsStay:
		return is(b.API, "the server does not set subscriptions by XEP-0356, as a refresh showed")
	case g.Roster == "both":
		return is(b.Privilege, "the server grants it")
	case b.API != nil:
		return is(b.API, "the server grants the component no access to rosters by XEP-0356")
	case g.Roster != "":
		return is(b.Privilege, "the server grants a part of it: %s", g.Roster)
	case b.RemoteItems == nil:
		return Choice{}, fmt.Errorf("%w: it grants the component no access to the rosters of %s (XEP-0356); see the operator's guide for the setting", ErrForbidden, b.Host)
	case b.tryRemote(ctx, owner):
		return is(b.RemoteItems, "the server grants no access to whole rosters (XEP-0356), but to the component's own contacts (XEP-0321)")
	}
	return Choice{}, fmt.Errorf("%w: it grants the component no access to the rosters of %s, neither by XEP-0356 nor by XEP-0321, and rosters[].ejabberd_api is not set; see the operator's guide for the setting", ErrForbidden, b.Host)
}

// about discards what is known if it is about an older connection, and returns
// what is known about the privilege.
func (b *Backends) about(connection int64) Observation {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connection != connection || b.observed == nil {
		b.connection, b.observed, b.remote, b.unanswered = connection, make(map[string]Observation), nil, time.Time{}
	}
	if b.Privilege == nil {
		return 0
	}
	return b.observed[b.Privilege.Name()]
}

// remoteRetry is how long a server that did not answer is not asked again for
// XEP-0321. ejabberd 24.12 never answers a component without rights, and every
// refresh would wait for its timeout.
const remoteRetry = 30 * time.Second

// tryRemote finds out whether the server knows XEP-0321, by reading a roster.
func (b *Backends) tryRemote(ctx context.Context, owner jid.JID) bool {
	b.mu.Lock()
	known, connection, wait := b.remote, b.connection, time.Since(b.unanswered) < remoteRetry
	b.mu.Unlock()
	if known != nil {
		return *known
	}
	if wait {
		return false
	}
	_, err := b.RemoteItems.Get(ctx, owner)
	works := err == nil
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.connection != connection:
	case !works && errors.Is(err, ErrTimeout):
		b.unanswered = time.Now()
	case works || resultOf(err) != Timeout:
		b.remote = &works
	}
	return works
}

// Observe implements Chooser.
func (b *Backends) Observe(c Choice, o Observation) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := c.Name()
	known := b.observed[name]
	switch {
	case b.API != nil && name == b.API.Name():
		return false // the last resort; a single roster may have been changed by somebody else
	case c.connection != b.connection || known == SetsWork:
		return false // about an older connection, or contradicted by a refresh that worked
	}
	b.observed[name] = o
	if o == SetsWork {
		return false
	}
	again = b.API != nil
	if !again && known != o {
		reason := map[Observation]string{SubscriptionsStay: "the server keeps the subscriptions of contacts", SetsFail: "the server cannot set contacts"}[o]
		b.Log.Warn("roster backend limited", zap.String("host", b.Host), zap.String("backend", name), zap.String("reason", reason), zap.String("hint", "on ejabberd, set rosters[].ejabberd_api"))
	}
	return again
}
