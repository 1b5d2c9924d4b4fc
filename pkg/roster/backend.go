package roster

import (
	"context"
	"errors"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Backend reads and changes rosters on an XMPP server. Several goroutines may
// call its methods, but only one at a time for one owner.
//
// Its errors wrap those below. Any other error counts as a refusal by the
// server, with the text of the error.
type Backend interface {
	// Name returns the name of the backend in the configuration.
	Name() string
	// Get reads an owner's roster. An owner whom the server does not know may
	// have an empty one.
	Get(ctx context.Context, owner jid.JID) (Roster, error)
	// Set adds a contact, or replaces its name, groups and subscription.
	Set(ctx context.Context, owner jid.JID, item Item) error
	// Remove removes a contact. A contact that is not there is not an error.
	Remove(ctx context.Context, owner, contact jid.JID) error
	// Reaches reports whether the backend can hold a contact at all.
	Reaches(contact jid.JID) bool
}

// Errors of a [Backend].
var (
	// ErrForbidden means that the server refuses the access.
	ErrForbidden = errors.New("the server does not allow it")
	// ErrNoSuchUser means that the server does not know the owner.
	ErrNoSuchUser = errors.New("the server does not know this user")
	// ErrTimeout means that the server did not answer.
	ErrTimeout = errors.New("the server did not answer in time")
	// ErrCannot means that the server cannot do this for any roster.
	ErrCannot = errors.New("the server cannot do this")
)

// resultOf returns the result of a refresh that ended with a backend's error.
func resultOf(err error) Result {
	switch {
	case errors.Is(err, ErrNoSuchUser):
		return NoSuchUser
	case errors.Is(err, ErrTimeout), errors.Is(err, gateway.ErrDown), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Timeout
	}
	return Forbidden
}
