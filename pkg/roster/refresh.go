package roster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// A refresh that would remove more contacts than removedAtOnce, and more than half
// of a roster, needs force: the source is more often broken than right.
const removedAtOnce = 10

// maxTries bounds how often one refresh starts over because another backend is
// needed, or because somebody else changed the roster in between.
const maxTries = 3

// refresh refreshes the roster of one owner.
//
// Killed before the record is stored: see [Syncer]; operators see the result of
// the previous refresh.
func (h *Syncer) refresh(ctx context.Context, owner jid.JID, force bool) Outcome {
	rec, revision, err := h.load(ctx, owner)
	if err != nil {
		h.Log.Error("roster record not read", zap.Stringer("owner", owner), zap.Error(err))
		return Outcome{owner, SourceError, "the record of this roster cannot be read from the store; nothing was changed; the log has the reason"}
	}
	r := &run{Options: h.options(), owner: owner, force: force, rec: &rec, revision: revision}
	o := r.do(ctx)
	rec.Last = Last{h.Now().UTC(), o.Result, o.Detail}
	if ctx.Err() == nil {
		if err := r.save(ctx); err != nil {
			h.Log.Error("roster record not stored", zap.Stringer("owner", owner), zap.Error(err))
		}
	}
	switch {
	case o.Result == Unchanged, ctx.Err() != nil:
	case o.Result == Applied:
		h.Log.Info("roster refreshed", zap.Stringer("owner", owner), zap.String("detail", o.Detail))
	case o.Result == Unknown: // the application may not know many of a server's users
		h.Log.Debug("roster owner unknown", zap.Stringer("owner", owner), zap.String("detail", o.Detail))
	default:
		h.Log.Warn("roster refresh incomplete", zap.Stringer("owner", owner), zap.String("result", string(o.Result)), zap.String("detail", o.Detail))
	}
	return o
}

// load returns the record of a roster. A damaged record counts as none: the
// source and the server can be asked again, and additive mode removes no contact
// that is not known to come from the source. Errors: [*StoreFailure].
func (h *Syncer) load(ctx context.Context, owner jid.JID) (Record, uint64, error) {
	data, revision, err := h.options().Cache.Roster(ctx, owner)
	if err != nil {
		return Record{}, 0, &StoreFailure{err}
	}
	if len(data) == 0 {
		return Record{}, revision, nil
	}
	rec, err := DecodeRecord(data)
	if err != nil {
		h.Log.Error("roster record reset", zap.Stringer("owner", owner), zap.Error(err))
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

// do asks the source and applies its answer with the chosen backend, or with
// another one if the first try shows that it is needed.
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
		r.Log.Error("cached source answer unreadable", zap.Stringer("owner", r.owner), zap.Error(err))
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

// push brings the server's roster to the wanted one with one backend. again says
// that do should try once more.
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
		return r.outcome(SourceError, "the web application dropped %d of the %d contacts; if that is right, refresh with force (?force=1, --force); nothing was changed", n, len(have)), false
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
		// Killed after this and before the contacts are added: they count as added
		// until the next refresh.
		if err := r.save(ctx); err != nil {
			r.Log.Error("roster record not stored", zap.Stringer("owner", r.owner), zap.Error(err))
			return r.outcome(SourceError, "the contacts to be added cannot be recorded in the store; nothing was changed; the log has the reason"), false
		}
	}
	first := r.plan == nil
	if first {
		r.plan = &changes
	}
	made := r.apply(ctx, b, changes, first)
	if errors.Is(made.err, ErrCannot) && r.Backends.Observe(b, SetsFail) {
		return r.outcome(Forbidden, "%v", made.err), true
	}
	after, err := b.Get(ctx, r.owner)
	if err != nil {
		return r.outcome(resultOf(err), "%s, but the roster cannot be read back: %v", made, err), false
	}
	if made.err != nil {
		made.count(after)
	}
	r.rec.setKnown(want, after, r.Now().UTC())
	r.keepAdded(want, after)
	return r.judge(b, made, after, reached, beyond, p)
}

// reachable returns the part of a wanted roster that a backend can hold, and the
// contacts that it cannot hold.
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

// keepAdded removes from the record's Added the contacts that are gone.
func (r *run) keepAdded(want, after Roster) {
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

// made says how many of the changes were made.
type made struct {
	plan    Changes // of the whole refresh
	changes Changes
	done    int
	err     error   // the first failure
	at      jid.JID // its contact
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

// apply makes the changes. A refusal for one contact does not stop the others. A second
// try makes them one by one: the server may have taken several and made one.
func (r *run) apply(ctx context.Context, b Backend, c Changes, first bool) made {
	m := made{plan: *r.plan, changes: c}
	edits := c.Edits()
	size := len(edits)
	if !first {
		size = 1
	}
	for some := range slices.Chunk(edits, size) {
		results := b.Change(ctx, r.owner, some)
		for i, err := range results {
			switch {
			case err == nil:
				m.done++
			case m.err == nil:
				m.err, m.at = err, some[i].JID
			}
		}
		if len(results) < len(some) || EndsAll(results[len(results)-1]) {
			break
		}
	}
	return m
}

// count corrects done by the roster that the server has after an error: changes may have
// been made whose answers did not come.
func (m *made) count(after Roster) {
	there := 0
	for _, e := range m.changes.Edits() {
		if item, has := after[e.JID]; e.Remove && !has || !e.Remove && has && item.Equal(e.Item) {
			there++
		}
	}
	m.done = max(m.done, there)
}
