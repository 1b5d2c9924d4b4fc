package roster

import (
	"context"
	"time"

	"stanzahook/pkg/jid"
)

// View is what is known about an owner's roster.
type View struct {
	Owner   jid.JID
	Backend string // the last one used; empty: none yet
	Wanted  Roster // the last answer of the source; nil: none yet
	Actual  Roster // on the server; nil: not known
	ReadAt  time.Time
	ReadErr error // why Actual could not be read now and is that of ReadAt
	Last    Last
}

// View reads an owner's roster from the server and returns what is known about it.
// Errors: [*StoreFailure].
func (h *Syncer) View(ctx context.Context, owner jid.JID) (View, error) {
	rec, _, err := h.load(ctx, owner)
	if err != nil {
		return View{}, err
	}
	v := View{Owner: owner, Backend: rec.Backend, Last: rec.Last}
	if v.Wanted, err = rec.Wanted(owner); err != nil {
		return View{}, &StoreFailure{err}
	}
	v.Actual, v.ReadAt = rec.Known(v.Wanted), rec.KnownAt
	choice, err := h.options().Backends.Choose(ctx, owner)
	if err == nil {
		var now Roster
		if now, err = choice.Get(ctx, owner); err == nil {
			if now == nil {
				now = Roster{} // known to be empty
			}
			v.Actual, v.ReadAt, v.Backend = now, h.Now().UTC(), choice.Name()
		}
	}
	v.ReadErr = err
	return v, nil
}

// Last returns the result of an owner's last refresh. It asks only the store. Errors:
// [*StoreFailure].
func (h *Syncer) Last(ctx context.Context, owner jid.JID) (Last, error) {
	rec, _, err := h.load(ctx, owner)
	return rec.Last, err
}

// Preview returns what a refresh would change, without changing it. Errors:
// those of a [Backend], [*SourceFailure] and [*StoreFailure].
func (h *Syncer) Preview(ctx context.Context, owner jid.JID) (Changes, error) {
	rec, _, err := h.load(ctx, owner)
	if err != nil {
		return Changes{}, err
	}
	o := h.options()
	w, err := o.Source.Fetch(ctx, owner, "")
	if err != nil {
		return Changes{}, &SourceFailure{err}
	}
	choice, err := o.Backends.Choose(ctx, owner)
	if err != nil {
		return Changes{}, err
	}
	have, err := choice.Get(ctx, owner)
	if err != nil {
		return Changes{}, err
	}
	want, _ := reachable(choice, w.Roster)
	return Diff(have, want, Policy{Mode: o.Mode, Keep: o.Keep, Added: rec.added(), SubscriptionsStay: choice.SubscriptionsStay}), nil
}

// SourceFailure means that the source gave no usable answer.
type SourceFailure struct{ error }

// Unwrap returns the error of the source.
func (f *SourceFailure) Unwrap() error { return f.error }

// StoreFailure means that the record of a roster cannot be read.
type StoreFailure struct{ error }

// Unwrap returns the error of the store.
func (f *StoreFailure) Unwrap() error { return f.error }
