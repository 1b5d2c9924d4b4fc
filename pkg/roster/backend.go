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
	// Change makes edits of an owner's roster, in order, and returns for each nil, or
	// why it was not made. After an error that [EndsAll] it makes no more, and the rest
	// has no result.
	Change(ctx context.Context, owner jid.JID, edits []Edit) []error
	// Reaches reports whether the backend can hold a contact at all.
	Reaches(contact jid.JID) bool
}

// Edit sets a contact, with its name, groups and subscription, or removes it. To remove
// one that is not there is not an error.
type Edit struct {
	Item
	Remove bool
}

// OneByOne makes edits with a request each, as [Backend].Change demands.
func OneByOne(ctx context.Context, edits []Edit, request func(Edit) error) []error {
	var results []error
	for _, e := range edits {
		err := request(e)
		if results = append(results, err); EndsAll(err) || err != nil && ctx.Err() != nil {
			break
		}
	}
	return results
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

// EndsAll reports whether an error is about more than one contact, so that other edits
// would fail as well.
func EndsAll(err error) bool {
	for _, all := range []error{ErrForbidden, ErrNoSuchUser, ErrTimeout, gateway.ErrDown, ErrCannot} {
		if errors.Is(err, all) {
			return true
		}
	}
	return false
}

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
