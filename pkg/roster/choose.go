package roster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// Chooser says which backend is used for a host.
type Chooser interface {
	// Choose returns the backend to use now, or why there is none. The errors
	// are those of a [Backend].
	Choose(ctx context.Context, owner jid.JID) (Choice, error)
	// Learn takes what a refresh has shown about a backend, and reports whether
	// another one is to be tried for the same roster.
	Learn(Choice, Lesson) (again bool)
}

// Choice is a backend, and what is known of it.
type Choice struct {
	Backend
	SubscriptionsStay bool   // the server is known not to set subscriptions
	Reason            string // why this one
	connection        int64  // there was when it was chosen
}

// Lesson is what a refresh has shown about a backend.
type Lesson int

// The lessons.
const (
	SetsWork          Lesson = iota + 1 // a subscription was set as wanted
	SubscriptionsStay                   // contacts were set, but not their subscriptions
	SetsFail                            // the server cannot set contacts
)

// Grants are what the server lets a component do with the rosters of a host's
// users (XEP-0356 section 5).
type Grants struct {
	Connected  bool
	Connection int64  // of the link, by number
	Roster     string // get, set, both, or nothing
}

// Backends choose one of the ways to a host's rosters. With one of them alone
// there is nothing to choose. With several: the privilege (XEP-0356) where it is
// granted and does what it should; else ejabberd's API; else XEP-0321.
type Backends struct {
	Host                        string
	Privilege, API, RemoteItems Backend // nil: not to be used
	// Grants tells what is granted; it may wait a moment for a new connection's.
	Grants func(context.Context) Grants
	Log    *zap.Logger

	mu         sync.Mutex
	connection int64 // that the rest is about: another server may be behind the next
	lessons    map[string]Lesson
	remote     *bool     // XEP-0321 works; nil: not known
	silent     time.Time // when XEP-0321 was tried and there was no answer
	told       string    // the reason that was logged last
	chosen     Chosen
}

// Chosen is what came of the last choice.
type Chosen struct {
	Backend string // empty: there was none, or nothing was chosen yet
	Reason  string // why this one, or why none
}

// Chosen returns what came of the last choice, for operators.
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
	c.SubscriptionsStay = b.lessons[c.Name()] == SubscriptionsStay
	if b.told != c.Name()+c.Reason {
		b.told = c.Name() + c.Reason
		b.Log.Info("the way to the rosters", zap.String("host", b.Host), zap.String("backend", c.Name()), zap.String("reason", c.Reason))
	}
	return c, nil
}

func (b *Backends) choose(ctx context.Context, owner jid.JID) (Choice, error) {
	if b.Privilege == nil && b.RemoteItems == nil {
		return Choice{Backend: b.API, Reason: "the configuration says so"}, nil
	}
	g := b.Grants(ctx)
	lesson := b.about(g.Connection)
	is := func(backend Backend, format string, args ...any) (Choice, error) {
		return Choice{Backend: backend, Reason: fmt.Sprintf(format, args...), connection: g.Connection}, nil
	}
	switch {
	case b.API == nil && !g.Connected:
		return Choice{}, ErrDown
	case b.Privilege == nil:
		return is(b.RemoteItems, "the configuration says so")
	case b.API != nil && !g.Connected:
		return is(b.API, "there is no connection to the XMPP server")
	case b.API != nil && lesson == SetsFail:
		return is(b.API, "the server cannot set contacts by XEP-0356, as one try has shown")
	case b.API != nil && lesson == SubscriptionsStay:
		return is(b.API, "the server does not set subscriptions by XEP-0356, as one try has shown")
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

// about makes what is known that of a connection, and returns what is known of
// the privilege.
func (b *Backends) about(connection int64) Lesson {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connection != connection || b.lessons == nil {
		b.connection, b.lessons, b.remote, b.silent = connection, make(map[string]Lesson), nil, time.Time{}
	}
	if b.Privilege == nil {
		return 0
	}
	return b.lessons[b.Privilege.Name()]
}

// silence is for how long a server that has not answered is not tried again with
// XEP-0321. ejabberd 24.12 never answers a component without rights, and each of
// many refreshes would wait for its timeout.
const silence = 30 * time.Second

// tryRemote finds out whether the server knows XEP-0321, by reading a roster.
func (b *Backends) tryRemote(ctx context.Context, owner jid.JID) bool {
	b.mu.Lock()
	known, connection, silent := b.remote, b.connection, time.Since(b.silent) < silence
	b.mu.Unlock()
	if known != nil {
		return *known
	}
	if silent {
		return false
	}
	_, err := b.RemoteItems.Get(ctx, owner)
	works := err == nil
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.connection != connection:
	case !works && errors.Is(err, ErrTimeout):
		b.silent = time.Now() // it may be otherwise later
	case works || resultOf(err) != Timeout:
		b.remote = &works
	}
	return works
}

// Learn implements Chooser.
func (b *Backends) Learn(c Choice, l Lesson) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := c.Name()
	known := b.lessons[name]
	switch {
	case b.API != nil && name == b.API.Name():
		return false // it is the last resort: what one roster shows may be somebody else's doing
	case c.connection != b.connection || known == SetsWork:
		return false // of a connection that is over; or one roster alone says otherwise
	}
	b.lessons[name] = l
	if l == SetsWork {
		return false
	}
	again = b.API != nil
	if !again && known != l {
		what := map[Lesson]string{SubscriptionsStay: "the server sets contacts but keeps their subscriptions", SetsFail: "the server cannot set contacts"}[l]
		b.Log.Warn(what+"; on ejabberd, rosters[].ejabberd_api helps", zap.String("host", b.Host), zap.String("backend", name))
	}
	return again
}
