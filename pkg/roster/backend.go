package roster

import (
	"context"
	"errors"

	"stanzahook/pkg/jid"
)

// Backend is a way to the rosters on an XMPP server. Its methods may be called
// from several goroutines, but for one owner from one at a time.
//
// Its errors wrap those below; what does not is taken for a refusal by the
// server, with the error's text.
type Backend interface {
	// Name is what the backend is called in the configuration.
	Name() string
	// Get reads an owner's roster. An owner whom the server does not know may
	// have an empty one.
	Get(ctx context.Context, owner jid.JID) (Roster, error)
	// Set adds a contact, or replaces its name, groups and subscription.
	Set(ctx context.Context, owner jid.JID, item Item) error
	// Remove removes a contact; that it is not there is no error.
	Remove(ctx context.Context, owner, contact jid.JID) error
	// Reaches reports whether the backend can hold a contact at all.
	Reaches(contact jid.JID) bool
}

// Errors of a [Backend].
var (
	// ErrForbidden means that the server does not let us.
	ErrForbidden = errors.New("the server does not allow it")
	// ErrNoSuchUser means that the server does not know the owner.
	ErrNoSuchUser = errors.New("the server does not know this user")
	// ErrTimeout means that the server did not answer.
	ErrTimeout = errors.New("the server did not answer in time")
	// ErrDown means that the server cannot be asked now.
	ErrDown = errors.New("there is no connection to the XMPP server")
	// ErrCannot means that the server does not know how to do it, whoever's
	// roster it is.
	ErrCannot = errors.New("the server cannot do this")
)

// resultOf is what a backend's error comes to.
func resultOf(err error) Result {
	switch {
	case errors.Is(err, ErrNoSuchUser):
		return NoSuchUser
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrDown), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Timeout
	}
	return Forbidden
}
