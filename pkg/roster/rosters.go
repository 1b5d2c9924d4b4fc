package roster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// Rosters are those of all hosts, and the jobs over them.
type Rosters struct{ Jobs }

// New returns the rosters of some hosts.
func New(jobs JobStore, log *zap.Logger, hosts ...*Host) *Rosters {
	return &Rosters{Jobs{Store: jobs, Log: log, hosts: hosts}}
}

// Set replaces the hosts. Those that are not among them any more get nothing new
// to do; stop them.
func (js *Jobs) Set(hosts ...*Host) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.hosts = hosts
}

// All are the hosts whose rosters are kept, in the order of the configuration.
func (js *Jobs) All() []*Host {
	js.mu.Lock()
	defer js.mu.Unlock()
	return js.hosts
}

// host is the one with a domain; nil if its rosters are not kept.
func (js *Jobs) host(domain string) *Host {
	for _, h := range js.All() {
		if h.Domain == domain {
			return h
		}
	}
	return nil
}

// of is the host of an owner.
func (r *Rosters) of(owner jid.JID) (*Host, error) {
	if h := r.host(owner.Domain()); h != nil {
		return h, nil
	}
	return nil, &ErrNoHost{fmt.Sprintf("the rosters of %s are not kept here", owner.Domain())}
}

// Domains are the hosts whose rosters are kept, in the order of the
// configuration.
func (r *Rosters) Domains() []string {
	var all []string
	for _, h := range r.All() {
		all = append(all, h.Domain)
	}
	return all
}

// ErrNoHost means that it cannot be told whose roster is meant, or that it is
// not kept here. Its text is for the caller.
type ErrNoHost struct{ Text string }

func (e *ErrNoHost) Error() string { return e.Text }

// Owner reads the name of a user, as operators write it: a bare name, which is
// at host, or at the only one if that is empty; or an address, whose resource
// does not count. Errors: [*ErrNoHost], [*jid.Error].
func (r *Rosters) Owner(name, host string) (jid.JID, error) {
	text := name
	if !strings.ContainsAny(name, "@/") {
		switch {
		case host != "":
		case len(r.Domains()) == 1:
			host = r.Domains()[0]
		default:
			return jid.JID{}, &ErrNoHost{fmt.Sprintf("%q does not say at which host; write it as name@host, or say host=, with one of %s", shorten(name), strings.Join(r.Domains(), ", "))}
		}
		text = name + "@" + host
	}
	owner, err := jid.Parse(text)
	if err != nil {
		return jid.JID{}, err
	}
	owner = owner.Bare()
	if owner.Local() == "" || !slices.Contains(r.Domains(), owner.Domain()) {
		return jid.JID{}, &ErrNoHost{fmt.Sprintf("%q is no user of a host whose rosters are kept here (%s)", shorten(name), strings.Join(r.Domains(), ", "))}
	}
	return owner, nil
}

// Refresh refreshes one roster, as [Host.Refresh] does.
func (r *Rosters) Refresh(ctx context.Context, owner jid.JID, force bool) (Outcome, error) {
	h, err := r.of(owner)
	if err != nil {
		return Outcome{}, err
	}
	return h.Refresh(ctx, owner, force)
}

// View returns what is known of a roster, as [Host.View] does.
func (r *Rosters) View(ctx context.Context, owner jid.JID) (View, error) {
	h, err := r.of(owner)
	if err != nil {
		return View{}, err
	}
	return h.View(ctx, owner)
}

// Preview returns what a refresh would change, as [Host.Preview] does.
func (r *Rosters) Preview(ctx context.Context, owner jid.JID) (Changes, error) {
	h, err := r.of(owner)
	if err != nil {
		return Changes{}, err
	}
	return h.Preview(ctx, owner)
}

// Known are the owners who have a record; at one host, or, if that is empty, at
// all.
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

// Available returns nil when a host's rosters can be reached now, else why not:
// the errors of a [Chooser].
func (r *Rosters) Available(ctx context.Context, owner jid.JID) error {
	h, err := r.of(owner)
	if err == nil {
		_, err = h.options().Backends.Choose(ctx, owner)
	}
	return err
}

// JobsRunning returns how many jobs run.
func (r *Rosters) JobsRunning() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// Stop takes nothing more, and waits for what is under way; when ctx ends, that
// is broken off.
func (r *Rosters) Stop(ctx context.Context) {
	for _, h := range r.All() {
		h.Stop(ctx)
	}
	r.Jobs.Stop()
}
