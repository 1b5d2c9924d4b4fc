package ejabberdapi

import (
	"context"
	"errors"
	"net/http"

	"stanzahook/pkg/roster"
)

// nobody is no localpart of an address (RFC 7622 section 3.3.1), so that no roster
// is changed.
const nobody = "@"

// Allowed returns nil if the account may use all the commands of [Commands] for
// a host, without changing anything: it asks them for what cannot be. ejabberd
// looks at the permission before it looks at addresses (seen on 23.01 and 24.12).
//
// Errors are those of a call; for a command that is not allowed, one that wraps
// [roster.ErrForbidden].
func (b *Backend) Allowed(ctx context.Context, host string) error {
	contact := func() map[string]any {
		return map[string]any{"localuser": nobody, "localhost": host, "user": nobody, "host": host}
	}
	set := contact()
	set["nick"], set["subs"], set["groups"] = "", roster.None, []string{}
	err := b.passes(ctx, addItem+"/v1", set)
	if isOlder(err) {
		delete(set, "groups")
		set["group"] = ""
		err = b.passes(ctx, addItem, set)
	}
	if err == nil {
		err = b.passes(ctx, deleteItem, contact())
	}
	for _, command := range []string{checkAccount, getRoster} {
		if err == nil {
			err = b.passes(ctx, command, map[string]any{"user": nobody, "host": host})
		}
	}
	return err
}

// passes asks for something that cannot be, and returns why it was not even
// looked at.
func (b *Backend) passes(ctx context.Context, command string, args map[string]any) error {
	_, err := b.call(ctx, command, args)
	e, ok := errors.AsType[*statusError](err)
	if ok && e.status == http.StatusBadRequest && !isOlder(err) {
		return nil // these addresses are none
	}
	return err
}
