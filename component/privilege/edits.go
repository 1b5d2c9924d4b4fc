package privilege

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// Prosody does nothing else while it stores the contacts of an IQ, some 1 ms each. An IQ
// has at most maxEdits, and maxSeveral IQs with more than one are on their way.
const (
	maxEdits   = 20
	maxSeveral = 2
)

// Change implements roster.Backend. RFC 6121 section 2.1.5 has one contact an IQ.
// Prosody's mod_privilege takes any number and answers each, in order; ejabberd refuses
// them all. A server that answers otherwise gets them one by one.
func (r *Rosters) Change(ctx context.Context, owner jid.JID, edits []roster.Edit) []error {
	var results []error
	for len(edits) > 0 {
		some := edits[:1]
		connection := r.link.Counters.Reconnects.Load() + 1
		if !r.own && r.single.Load() != connection {
			some = edits[:r.fit(edits)]
		}
		made, fits := r.together(ctx, owner, some)
		if !fits {
			made = roster.OneByOne(ctx, some, func(e roster.Edit) error {
				alone, _ := r.together(ctx, owner, []roster.Edit{e})
				return alone[0]
			})
			// If one of them had no answer, that may have been why.
			if !roster.EndsAll(made[len(made)-1]) && ctx.Err() == nil && r.single.Swap(connection) != connection {
				r.log.Info("roster contacts sent one by one", zap.String("component", r.link.Domain().String()), zap.String("host", owner.Domain()),
					zap.String("reason", "the server does not answer each of several contacts in one IQ"), zap.String("until", "the next connection"))
			}
		}
		results = append(results, made...)
		if len(made) < len(some) || roster.EndsAll(made[len(made)-1]) || ctx.Err() != nil {
			break
		}
		edits = edits[len(some):]
	}
	return results
}

// fit returns how many of the edits one IQ takes.
func (r *Rosters) fit(edits []roster.Edit) int {
	n := 0
	for b := []byte(nil); n < min(len(edits), maxEdits); n++ {
		if b = appendItem(b, edits[n]); n > 0 && len(b) > r.limits.Max()/2 {
			break
		}
	}
	return n
}

// together sends edits in one IQ. It returns a result for each, fewer if an error ended
// them, or ok false if the answers do not say what became of each.
func (r *Rosters) together(ctx context.Context, owner jid.JID, edits []roster.Edit) (results []error, ok bool) {
	if len(edits) > 1 {
		select {
		case r.several <- struct{}{}:
			defer func() { <-r.several }()
		case <-ctx.Done():
			return []error{ctx.Err()}, true
		}
	}
	b := []byte("<query xmlns='jabber:iq:roster'>")
	for _, e := range edits {
		b = appendItem(b, e)
	}
	answers, err := r.request(ctx, owner, "set", string(append(b, "</query>"...)), len(edits))
	for i, a := range answers {
		results = append(results, r.result(edits[i], refusal(a)))
	}
	if err != nil {
		results = append(results, r.result(edits[len(results)], err))
	}
	each := len(results) == len(edits)
	ended := ctx.Err() != nil || (err != nil || len(answers) == 1) && roster.EndsAll(results[len(results)-1])
	return results, each || ended
}

// result maps what came of one edit to the errors of package roster.
func (r *Rosters) result(e roster.Edit, err error) error {
	switch {
	case e.Remove && errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}):
		return nil
	case errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}):
		// Prosody answers so for a user that does not exist.
		return fmt.Errorf("%w (%w)", roster.ErrNoSuchUser, err)
	case errors.Is(err, &stanza.Error{Condition: stanza.InternalServerError}):
		// COMPAT: ejabberd 23.01 and older fail at every set by a component (its
		// issue 3942).
		return fmt.Errorf("%w: %w; ejabberd before 23.10 cannot set contacts by XEP-0356: set rosters[].ejabberd_api with backend: auto, or update ejabberd", roster.ErrCannot, err)
	}
	return r.explain(err)
}

// appendItem appends the item of an edit.
func appendItem(b []byte, e roster.Edit) []byte {
	b = stanza.AppendAttr(append(b, "<item"...), "jid", e.JID.String())
	if e.Remove {
		return append(b, " subscription='remove'/>"...)
	}
	if e.Name != "" {
		b = stanza.AppendAttr(b, "name", e.Name)
	}
	b = append(stanza.AppendAttr(b, "subscription", string(e.Subscription)), '>')
	for _, g := range e.Groups {
		b = append(stanza.AppendText(append(b, "<group>"...), g), "</group>"...)
	}
	return append(b, "</item>"...)
}
