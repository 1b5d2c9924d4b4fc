package roster

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// A source that suddenly takes away more contacts than removedAtOnce, and more
// than half of those a roster has, is not believed without force: it is more
// often broken than right.
const removedAtOnce = 10

// maxTries bounds how often one refresh begins again because something has shown
// that another backend is needed, or somebody else has changed the roster
// meanwhile.
const maxTries = 3

// refresh does one refresh of one owner.
//
// Killed before the record is stored: see [Host]; an operator sees the result
// of the refresh before.
func (h *Host) refresh(ctx context.Context, owner jid.JID, force bool) Outcome {
	rec, revision, err := h.load(ctx, owner)
	if err != nil {
		h.Log.Error("the record of a roster cannot be read", zap.Stringer("owner", owner), zap.Error(err))
		return Outcome{owner, SourceError, "what is known of this roster cannot be read from the store, so nothing was done; the log has the reason"}
	}
	r := &run{Options: h.options(), owner: owner, force: force, rec: &rec, revision: revision}
	o := r.do(ctx)
	rec.Last = Last{h.Now().UTC(), o.Result, o.Detail}
	if ctx.Err() == nil {
		if err := r.save(ctx); err != nil {
			h.Log.Error("the record of a roster cannot be stored; its refresh was done all the same", zap.Stringer("owner", owner), zap.Error(err))
		}
	}
	switch {
	case o.Result == Unchanged, ctx.Err() != nil:
	case o.Result == Applied:
		h.Log.Info("a roster was refreshed", zap.Stringer("owner", owner), zap.String("detail", o.Detail))
	case o.Result == Unknown: // many users of a server may be none of the application's
		h.Log.Debug("the owner of a roster is not known", zap.Stringer("owner", owner), zap.String("detail", o.Detail))
	default:
		h.Log.Warn("a roster is not as it should be", zap.Stringer("owner", owner), zap.String("result", string(o.Result)), zap.String("detail", o.Detail))
	}
	return o
}

// load returns what is known of a roster. A record that is damaged counts as
// none: what is wanted and what is there can be asked again, and of contacts that
// are not known to be added from the source none is removed in additive mode.
// Errors: [*StoreFailure].
func (h *Host) load(ctx context.Context, owner jid.JID) (Record, uint64, error) {
	data, revision, err := h.options().Cache.Roster(ctx, owner)
	if err != nil {
		return Record{}, 0, &StoreFailure{err}
	}
	if len(data) == 0 {
		return Record{}, revision, nil
	}
	rec, err := DecodeRecord(data)
	if err != nil {
		h.Log.Error("the record of a roster is begun anew", zap.Stringer("owner", owner), zap.Error(err))
		return Record{}, revision, nil
	}
	return rec, revision, nil
}

// run is one refresh.
type run struct {
	Options
	owner    jid.JID
	force    bool
	rec      *Record
	revision uint64
	plan     *Changes // of the first try
}

func (r *run) outcome(result Result, format string, args ...any) Outcome {
	return Outcome{r.owner, result, fmt.Sprintf(format, args...)}
}

func (r *run) save(ctx context.Context) error {
	data, err := r.rec.Encode()
	if err == nil {
		r.revision, err = r.Cache.PutRoster(ctx, r.owner, data, r.revision)
	}
	return err
}

// do asks the source, and then brings the server's roster there, with the
// backend of choice, or with another if that is what the first try has shown.
func (r *run) do(ctx context.Context) Outcome {
	want, err := r.fetch(ctx)
	switch {
	case errors.Is(err, ErrUnknownUser):
		return r.outcome(Unknown, "%v", err)
	case err != nil:
		return r.outcome(SourceError, "%v", err)
	}
	for try := 1; ; try++ {
		choice, err := r.Backends.Choose(ctx, r.owner)
		if err != nil {
			return r.outcome(resultOf(err), "%v", err)
		}
		r.rec.Backend = choice.Name()
		o, again := r.push(ctx, choice, want)
		if !again || try == maxTries {
			return o
		}
	}
}

// fetch returns what the source wants now.
func (r *run) fetch(ctx context.Context) (Roster, error) {
	etag := ""
	if r.rec.Source == r.Source.ID() {
		etag = r.rec.ETag
	}
	w, err := r.Source.Fetch(ctx, r.owner, etag)
	if err == nil && w.NotModified {
		want, err := r.rec.Wanted(r.owner)
		if err == nil {
			return want, nil
		}
		r.Log.Error("what the source has said before cannot be read any more; it is asked anew", zap.Stringer("owner", r.owner), zap.Error(err))
		w, err = r.Source.Fetch(ctx, r.owner, "")
		if err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	r.rec.Source, r.rec.ETag, r.rec.Answer = r.Source.ID(), w.ETag, w.Answer
	return w.Roster, nil
}

// push makes the server's roster the wanted one with one backend. again says
// that it should be tried once more.
func (r *run) push(ctx context.Context, b Choice, want Roster) (o Outcome, again bool) {
	have, err := b.Get(ctx, r.owner)
	if err != nil {
		return r.outcome(resultOf(err), "the roster cannot be read: %v", err), false
	}
	r.rec.setKnown(want, have, r.Now().UTC())
	reached, beyond := reachable(b, want)
	p := Policy{Mode: r.Mode, Keep: r.Keep, Added: r.rec.added(), SubscriptionsStay: b.SubscriptionsStay}
	changes := Diff(have, reached, p)
	if n := len(changes.Remove); n > removedAtOnce && 2*n > len(have) && !r.force {
		return r.outcome(SourceError, "the web application has %d of the %d contacts no more; if that is right, refresh with force (?force=1, --force); nothing was done", n, len(have)), false
	}
	if changes.Len() == 0 {
		if kept := otherSubscriptions(have, reached); len(kept) > 0 || len(beyond) > 0 {
			return r.outcome(Degraded, "nothing could be changed; %s", shortfall(b, kept, beyond)), false
		}
		return r.outcome(Unchanged, ""), false
	}
	added := p.Added
	for _, item := range changes.Add {
		added[item.JID] = true
	}
	r.rec.setAdded(added)
	if r.Mode == Additive && len(changes.Add) > 0 {
		// Killed behind this line, before the contacts are added: they count as
		// added though they are not, until the next refresh.
		if err := r.save(ctx); err != nil {
			r.Log.Error("the record of a roster cannot be stored", zap.Stringer("owner", r.owner), zap.Error(err))
			return r.outcome(SourceError, "what will be added cannot be noted in the store, so nothing was done; the log has the reason"), false
		}
	}
	if r.plan == nil {
		r.plan = &changes
	}
	made := r.apply(ctx, b, changes)
	if errors.Is(made.err, ErrCannot) && r.Backends.Learn(b, SetsFail) {
		return r.outcome(Forbidden, "%v", made.err), true
	}
	after, err := b.Get(ctx, r.owner)
	if err != nil {
		return r.outcome(resultOf(err), "%s, but the roster cannot be read back: %v", made, err), false
	}
	r.rec.setKnown(want, after, r.Now().UTC())
	r.settle(want, after)
	return r.judge(b, made, after, reached, beyond, p)
}

// reachable is the part of a wanted roster that a backend can hold, and the
// contacts that it cannot.
func reachable(b Backend, want Roster) (Roster, []jid.JID) {
	var beyond []jid.JID
	for contact := range want {
		if !b.Reaches(contact) {
			beyond = append(beyond, contact)
		}
	}
	if len(beyond) == 0 {
		return want, nil
	}
	part := make(Roster, len(want))
	for contact, item := range want {
		if b.Reaches(contact) {
			part[contact] = item
		}
	}
	return part, beyond
}

// settle notes which contacts are there because the source wanted them.
func (r *run) settle(want, after Roster) {
	added := r.rec.added()
	for contact := range added {
		_, wanted := want[contact]
		_, there := after[contact]
		if !there || !wanted && r.Mode == Authoritative {
			delete(added, contact)
		}
	}
	r.rec.setAdded(added)
}

// made is what was done of some changes.
type made struct {
	plan    Changes // of the whole refresh
	changes Changes
	done    int
	err     error   // the first that went wrong
	at      jid.JID // with which contact
}

func (m made) String() string {
	if m.done == m.changes.Len() {
		return m.plan.String()
	}
	if m.done == 0 {
		return fmt.Sprintf("none of %d changes was made (%s)", m.changes.Len(), m.changes)
	}
	return fmt.Sprintf("%d of %d changes were made (%s)", m.done, m.changes.Len(), m.changes)
}

// apply makes changes, one after the other, those that add first. What is
// refused for one contact does not keep the others.
func (r *run) apply(ctx context.Context, b Backend, c Changes) made {
	m := made{plan: *r.plan, changes: c}
	do := func(contact jid.JID, err error) bool {
		if err == nil {
			m.done++
			return true
		}
		if m.err == nil {
			m.err, m.at = err, contact
		}
		for _, all := range []error{ErrForbidden, ErrNoSuchUser, ErrTimeout, ErrDown, ErrCannot} {
			if errors.Is(err, all) {
				return false
			}
		}
		return ctx.Err() == nil
	}
	for _, item := range c.Add {
		if !do(item.JID, b.Set(ctx, r.owner, item)) {
			return m
		}
	}
	for _, change := range c.Change {
		if !do(change.To.JID, b.Set(ctx, r.owner, change.To)) {
			return m
		}
	}
	for _, item := range c.Remove {
		if !do(item.JID, b.Remove(ctx, r.owner, item.JID)) {
			return m
		}
	}
	return m
}
