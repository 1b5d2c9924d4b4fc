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
type Rosters struct {
	Jobs
	hosts []*Host // in the order of the configuration
}

// New returns the rosters of some hosts.
func New(jobs JobStore, log *zap.Logger, hosts ...*Host) *Rosters {
	r := &Rosters{hosts: hosts}
	r.Jobs = Jobs{Hosts: make(map[string]*Host), Store: jobs, Log: log}
	for _, h := range hosts {
		r.Hosts[h.Domain] = h
	}
	return r
}

// Domains are the hosts whose rosters are kept, in the order of the
// configuration.
func (r *Rosters) Domains() []string {
	var all []string
	for _, h := range r.hosts {
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
		case len(r.hosts) == 1:
			host = r.hosts[0].Domain
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
	return r.Hosts[owner.Domain()].Refresh(ctx, owner, force)
}

// View returns what is known of a roster, as [Host.View] does.
func (r *Rosters) View(ctx context.Context, owner jid.JID) (View, error) {
	return r.Hosts[owner.Domain()].View(ctx, owner)
}

// Preview returns what a refresh would change, as [Host.Preview] does.
func (r *Rosters) Preview(ctx context.Context, owner jid.JID) (Changes, error) {
	return r.Hosts[owner.Domain()].Preview(ctx, owner)
}

// Known are the owners who have a record; at one host, or, if that is empty, at
// all.
func (r *Rosters) Known(ctx context.Context, host string) ([]jid.JID, error) {
	var all []jid.JID
	for _, h := range r.hosts {
		if host != "" && host != h.Domain {
			continue
		}
		for owner, err := range h.Cache.RosterOwners(ctx, h.Domain) {
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
	_, err := r.Hosts[owner.Domain()].Backends.Choose(ctx, owner)
	return err
}

// Stop takes nothing more, and waits for what is under way; when ctx ends, that
// is broken off.
func (r *Rosters) Stop(ctx context.Context) {
	for _, h := range r.hosts {
		h.Stop(ctx)
	}
	r.Jobs.Stop()
}
