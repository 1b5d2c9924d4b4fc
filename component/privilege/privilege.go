// Package privilege takes what servers tell privileged components: grants
// (XEP-0356) and delegations (XEP-0355). They are between the server and the
// component, and whoever else sends one must not reach an endpoint with it.
//
// A server that lets a component see the presence of its users (XEP-0356
// section 7) sends it the presence of all of them. That is not meant for bots,
// and is kept from endpoints.
//
// A server that lets a component send messages as its users (section 6) is
// used for that by [Messages], one that lets it read and change their rosters
// (section 5) by [Rosters].
package privilege

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
)

// Keeper is the handler of one component's privileges: it keeps what the server
// has granted, for as long as that connection lasts.
type Keeper struct {
	Log *zap.Logger
	// Hosts are domains of the server that are believed, besides the parent
	// domain of the component: example.com for bot.example.com.
	Hosts []string
	// Presence, which may be nil, is told of the presence of the users of hosts
	// that let the component see it. repeated is set for what the server repeats
	// (XEP-0203), as it does when the component connects. It must not wait.
	Presence func(from jid.JID, available, repeated bool)

	repeats loglimit.Limiter

	mu      sync.Mutex
	changed chan struct{}   // closed when something is granted; nil: nobody waits
	managed map[string]bool // hosts whose users' presence the component sees
	grants  map[string]granted
	asked   map[string]func(*stanza.Error) // by id: messages that may come back refused
}

// granted are the grants of one host.
type granted struct {
	Grants
	link       *component.Link
	connection int64 // of the link, by number
}

// Handle implements component.Handler.
func (k *Keeper) Handle(in *component.Incoming) bool {
	switch {
	case in.Kind == stanza.Message && in.Type == "error":
		return k.refused(in)
	case in.Kind == stanza.Message && in.ClaimsPrivilege():
		k.advertised(in)
		return true
	case in.Kind == stanza.Presence && in.To == in.Link().Domain() && (in.Type == "" || in.Type == "unavailable"):
		k.mu.Lock()
		// Who says so without being believed keeps the presence of its own users only.
		managed := k.managed[in.From.Domain()]
		believed := k.believes(in.From.Domain(), in.Link().Domain())
		k.mu.Unlock()
		if managed && believed && k.Presence != nil && !in.From.IsBare() && in.From.Local() != "" {
			_, repeated := in.Child("urn:xmpp:delay", "delay")
			k.Presence(in.From, in.Type == "", repeated)
		}
		return managed
	case in.Kind == stanza.IQ && in.Type == "set" && k.isHost(in.From.Domain()):
		// XEP-0321 section 4.4: the server tells of changes of a roster. What is in
		// a roster is read when it has to be known.
		if _, push := in.Child("jabber:iq:roster", "query"); push {
			in.Result("")
			return true
		}
	}
	return false
}

// settling is how long after the connection the server may take to say what it
// grants. It does so right behind the handshake.
const settling = 2 * time.Second

// GrantedSoon is Granted, but waits for a moment where the connection is new and
// the host has not said anything yet.
func (k *Keeper) GrantedSoon(ctx context.Context, l *component.Link, host string) Grants {
	for {
		k.mu.Lock()
		if k.changed == nil {
			k.changed = make(chan struct{})
		}
		changed := k.changed
		k.mu.Unlock()
		g := k.Granted(host)
		st := l.Status()
		left := settling - time.Since(st.Since)
		if g.Namespace != "" || !l.Connected() || left <= 0 {
			return g
		}
		select {
		case <-changed:
		case <-time.After(left):
		case <-ctx.Done():
			return g
		}
	}
}

// Granted returns what a host has granted on the connection there is now;
// nothing while there is none. A link counts its connections, so nothing has
// to be told here when one ends.
func (k *Keeper) Granted(host string) Grants {
	k.mu.Lock()
	g := k.grants[host]
	believed := g.link != nil && k.believes(host, g.link.Domain())
	k.mu.Unlock()
	if !believed || !g.link.Connected() || g.link.Counters.Reconnects.Load() != g.connection {
		return Grants{}
	}
	return g.Grants
}

// All returns what is granted now, by host, for a status.
func (k *Keeper) All() map[string]Grants {
	k.mu.Lock()
	hosts := make([]string, 0, len(k.grants))
	for host := range k.grants {
		hosts = append(hosts, host)
	}
	k.mu.Unlock()
	out := make(map[string]Grants)
	for _, host := range hosts {
		if g := k.Granted(host); g.Namespace != "" {
			out[host] = g
		}
	}
	return out
}

// SetHosts replaces Hosts. What one of them has said on this connection counts
// from now on.
func (k *Keeper) SetHosts(hosts []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Hosts = hosts
}

func (k *Keeper) isHost(domain string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.Hosts, domain)
}

// maxStrangers bounds the domains whose advertisements are kept though they do
// not count, in case they are named later.
const maxStrangers = 16

// advertised notes what a host of the server grants. What it does not name in
// its newest message it does not grant any more.
func (k *Keeper) advertised(in *component.Incoming) {
	if !in.From.IsDomain() {
		k.repeats.Warn(k.Log, "a privilege advertisement from somebody else than the server was ignored", zap.Stringer("from", in.From))
		return
	}
	g, ok := readGrants(in.XML())
	if !ok {
		return // it says nothing: a delegation, or something of later versions
	}
	host := in.From.Domain()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.managed == nil {
		k.managed, k.grants = make(map[string]bool), make(map[string]granted)
	}
	believed := k.believes(host, in.Link().Domain())
	if !believed {
		k.repeats.Warn(k.Log, "a privilege advertisement from a domain that is not known as the server's does not count", zap.Stringer("from", in.From))
		if !k.roomFor(host, in.Link()) {
			return
		}
	}
	// The presence of users is kept from endpoints over reconnects: it may come
	// before the new advertisement does.
	k.managed[host] = g.Presence != ""
	k.grants[host] = granted{g, in.Link(), in.Link().Counters.Reconnects.Load()}
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
	if believed {
		k.Log.Info("the server grants privileges", zap.String("component", in.Link().Domain().String()), zap.String("host", host), zap.Stringer("grants", g))
	}
}

// roomFor reports whether the advertisement of a domain that is not believed can be
// kept. The server's own come first on a connection; what is left of the one before
// makes room for them. k.mu is held.
func (k *Keeper) roomFor(host string, l *component.Link) bool {
	if _, known := k.grants[host]; known {
		return true
	}
	strangers, now := 0, l.Counters.Reconnects.Load()
	for other, g := range k.grants {
		switch {
		case k.believes(other, l.Domain()):
		case g.connection != now:
			delete(k.grants, other)
			delete(k.managed, other)
		default:
			strangers++
		}
	}
	return strangers < maxStrangers
}

// believes reports whether a domain is a host of the server: the parent domain of
// the component, or one that was named. The domains above the parent are somebody
// else's, com for instance. k.mu is held.
func (k *Keeper) believes(host string, domain jid.JID) bool {
	_, parent, _ := strings.Cut(domain.Domain(), ".")
	return parent != "" && host == parent || slices.Contains(k.Hosts, host)
}
