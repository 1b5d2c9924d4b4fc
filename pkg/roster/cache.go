package roster

import (
	"context"
	"iter"

	"stanzahook/pkg/jid"
)

// Cache keeps the records of owners, encoded. Put is a compare-and-set.
type Cache interface {
	// Roster returns the record of an owner and its revision, or nil and 0.
	Roster(ctx context.Context, owner jid.JID) (record []byte, revision uint64, err error)
	// PutRoster replaces the record that has this revision.
	// Errors: gateway.ErrChanged.
	PutRoster(ctx context.Context, owner jid.JID, record []byte, revision uint64) (uint64, error)
	// RosterOwners yields the owners at a host who have a record, in no order.
	RosterOwners(ctx context.Context, host string) iter.Seq2[jid.JID, error]
}
