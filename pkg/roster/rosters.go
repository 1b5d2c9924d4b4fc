package roster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// Rosters holds the syncers of all hosts, and their jobs.
type Rosters struct{ Jobs }

// New returns Rosters with the given syncers.
func New(jobs JobStore, log *zap.Logger, hosts ...*Syncer) *Rosters {
	return &Rosters{Jobs{Store: jobs, Log: log, hosts: hosts}}
}

// Set replaces the syncers. Those that are removed start nothing new; stop them.
func (js *Jobs) Set(hosts ...*Syncer) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.hosts = hosts
}

// All returns the syncers in the order of the configuration.
func (js *Jobs) All() []*Syncer {
	js.mu.Lock()
	defer js.mu.Unlock()
	return js.hosts
}

// host returns the syncer of a domain, or nil.
func (js *Jobs) host(domain string) *Syncer {
	for _, h := range js.All() {
		if h.Domain == domain {
			return h
		}
	}
	return nil
}

// of returns the syncer of an owner.
func (r *Rosters) of(owner jid.JID) (*Syncer, error) {
	if h := r.host(owner.Domain()); h != nil {
		return h, nil
	}
	return nil, &ErrNoHost{fmt.Sprintf("no rosters are configured for %s", owner.Domain())}
}

// Domains returns the hosts in the order of the configuration.
func (r *Rosters) Domains() []string {
	var all []string
	for _, h := range r.All() {
		all = append(all, h.Domain)
	}
	return all
}

// ErrNoHost means that a name is ambiguous, or its host is not configured. Its
// text is for the caller.
type ErrNoHost struct{ Text string }

func (e *ErrNoHost) Error() string { return e.Text }

// Owner reads the name of a user as operators write it: an address, whose
// resource is ignored, or a bare name, which is at host, or at the only
// configured host if host is empty. Errors: [*ErrNoHost], [*jid.Error].
func (r *Rosters) Owner(name, host string) (jid.JID, error) {
	text := name
	if !strings.ContainsAny(name, "@/") {
		switch {
		case host != "":
		case len(r.Domains()) == 1:
			host = r.Domains()[0]
		default:
			return jid.JID{}, &ErrNoHost{fmt.Sprintf("%q has no host; write name@host, or set host= to one of %s", shorten(name), strings.Join(r.Domains(), ", "))}
		}
		text = name + "@" + host
	}
	owner, err := jid.Parse(text)
	if err != nil {
		return jid.JID{}, err
	}
	owner = owner.Bare()
	if owner.Local() == "" || !slices.Contains(r.Domains(), owner.Domain()) {
		return jid.JID{}, &ErrNoHost{fmt.Sprintf("%q is not a user of a host with rosters (%s)", shorten(name), strings.Join(r.Domains(), ", "))}
	}
	return owner, nil
}

// Refresh refreshes one roster, as [Syncer.Refresh] does.
func (r *Rosters) Refresh(ctx context.Context, owner jid.JID, force bool) (Outcome, error) {
	h, err := r.of(owner)
	if err != nil {
		return Outcome{}, err
	}
	return h.Refresh(ctx, owner, force)
}

// View returns what is known about a roster, as [Syncer.View] does.
func (r *Rosters) View(ctx context.Context, owner jid.JID) (View, error) {
	h, err := r.of(owner)
	if err != nil {
		return View{}, err
	}
	return h.View(ctx, owner)
}

// Last returns the result of the last refresh, as [Syncer.Last] does.
func (r *Rosters) Last(ctx context.Context, owner jid.JID) (Last, error) {
	h, err := r.of(owner)
	if err != nil {
		return Last{}, err
	}
	return h.Last(ctx, owner)
}

// Preview returns what a refresh would change, as [Syncer.Preview] does.
func (r *Rosters) Preview(ctx context.Context, owner jid.JID) (Changes, error) {
	h, err := r.of(owner)
	if err != nil {
		return Changes{}, err
	}
	return h.Preview(ctx, owner)
}

// Known returns the owners that have a record: at one host, or at all if host is
// empty.
func (r *Rosters) Known(ctx context.Context, host string) ([]jid.JID, error) {
	var all []jid.JID
	for _, h := range r.All() {
		if host != "" && host != h.Domain {
			continue
		}
		for owner, err := range h.options().Cache.RosterOwners(ctx, h.Domain) {
			if err != nil {
				return nil, err
			}
			all = append(all, owner)
		}
	}
	slices.SortFunc(all, compare)
	return all, nil
}

// Available returns nil if the rosters of the owner's host can be reached now.
// Its errors are those of a [Chooser].
func (r *Rosters) Available(ctx context.Context, owner jid.JID) error {
	h, err := r.of(owner)
	if err == nil {
		_, err = h.options().Backends.Choose(ctx, owner)
	}
	return err
}

// Stop accepts no more refreshes and jobs and waits for the running ones. It
// aborts them when ctx ends.
func (r *Rosters) Stop(ctx context.Context) {
	for _, h := range r.All() {
		h.Stop(ctx)
	}
	r.Jobs.Stop()
}
