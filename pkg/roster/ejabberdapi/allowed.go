package ejabberdapi

import (
	"context"
	"errors"
	"net/http"

	"stanzahook/pkg/roster"
)

// nobody is not a valid localpart (RFC 7622 section 3.3.1), so that no roster is
// changed.
const nobody = "@"

// Allowed returns nil if the account may use all [Commands] for a host. It changes
// nothing: it calls them with invalid addresses, and ejabberd checks permissions
// before addresses (seen on 23.01 and 24.12).
//
// Errors are those of a call; the one for a forbidden command wraps
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

// passes calls a command with invalid arguments, and returns the error if ejabberd
// refused it before it checked them.
func (b *Backend) passes(ctx context.Context, command string, args map[string]any) error {
	_, err := b.call(ctx, command, args)
	e, ok := errors.AsType[*statusError](err)
	if ok && e.status == http.StatusBadRequest && !isOlder(err) {
		return nil // the addresses are invalid
	}
	return err
}
