// Package privilege implements privileged entities (XEP-0356): it handles the
// grants that servers advertise, and delegations (XEP-0355). It keeps these stanzas
// from endpoints, also when somebody else forges them.
//
// A server that grants the presence of its users (XEP-0356 section 7) sends the
// presence of all of them. It is not meant for bots and is kept from endpoints.
//
// [Messages] sends messages as users where the server grants it (section 6), and
// [Rosters] reads and changes their rosters (section 5).
package privilege

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
)

// Keeper is the handler of one component's privileges. It keeps the grants of the
// current connection.
type Keeper struct {
	Log *zap.Logger
	// Hosts are domains of the server that are trusted, besides the parent domain
	// of the component, which is example.com for bot.example.com.
	Hosts []string
	// Presence, if not nil, is called with the presence of users of hosts that
	// grant it. repeated is set for presence that the server repeats (XEP-0203), as
	// it does when the component connects. It must not block.
	Presence func(from jid.JID, available, repeated bool)

	repeats loglimit.Limiter

	mu      sync.Mutex
	changed chan struct{}   // closed when grants arrive; nil: nobody waits
	managed map[string]bool // hosts whose users' presence the component sees
	grants  map[string]granted
	asked   map[string]func(*stanza.Error) // by id: called if the message is refused
}

// granted are the grants of one host.
type granted struct {
	Grants
	link       *component.Link
	connection int64 // number of the link's connection
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
		// An untrusted host keeps only the presence of its own users.
		managed := k.managed[in.From.Domain()]
		trusted := k.trusts(in.From.Domain(), in.Link().Domain())
		k.mu.Unlock()
		if managed && trusted && k.Presence != nil && !in.From.IsBare() && in.From.Local() != "" {
			_, repeated := in.Child("urn:xmpp:delay", "delay")
			k.Presence(in.From, in.Type == "", repeated)
		}
		return managed
	case in.Kind == stanza.IQ && in.Type == "set" && k.isHost(in.From.Domain()):
		// XEP-0321 section 4.4: the server pushes roster changes. They are not used:
		// rosters are read when they are needed.
		if _, push := in.Child("jabber:iq:roster", "query"); push {
			in.Result("")
			return true
		}
	}
	return false
}

// settling is how long after the handshake the server may take to advertise its
// grants, which it does right after it.
const settling = 2 * time.Second

// GrantedSoon is Granted, but on a new connection it waits a moment for the
// advertisement of the host.
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

// Granted returns the grants of a host on the current connection; none while the
// link is down. Grants carry the number of their connection, so they need no
// cleanup when it ends.
func (k *Keeper) Granted(host string) Grants {
	k.mu.Lock()
	g := k.grants[host]
	trusted := g.link != nil && k.trusts(host, g.link.Domain())
	k.mu.Unlock()
	if !trusted || !g.link.Connected() || g.link.Counters.Reconnects.Load() != g.connection {
		return Grants{}
	}
	return g.Grants
}

// All returns the current grants by host, for a status.
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

// SetHosts replaces Hosts. Advertisements that new hosts sent on this connection
// count from now on.
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

// maxStrangers bounds the untrusted domains whose advertisements are kept in case
// SetHosts names them later.
const maxStrangers = 16

// advertised records the grants of a host. They replace the earlier ones of that
// host.
func (k *Keeper) advertised(in *component.Incoming) {
	if !in.From.IsDomain() {
		k.repeats.Log(k.Log, zapcore.WarnLevel, "sender", "privilege advertisement ignored", zap.String("reason", "the sender is not a server"), zap.Stringer("from", in.From))
		return
	}
	g, ok := readGrants(in.Stanza)
	if !ok {
		return // a delegation, or a later version
	}
	host := in.From.Domain()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.managed == nil {
		k.managed, k.grants = make(map[string]bool), make(map[string]granted)
	}
	trusted := k.trusts(host, in.Link().Domain())
	if !trusted {
		k.repeats.Log(k.Log, zapcore.WarnLevel, "domain", "privilege advertisement ignored", zap.String("reason", "the domain is neither the parent of the component nor the host of a roster"), zap.Stringer("from", in.From))
		if !k.roomFor(host, in.Link()) {
			return
		}
	}
	// The presence of users is kept from endpoints over reconnects, since it may
	// arrive before the new advertisement.
	k.managed[host] = g.Presence != ""
	k.grants[host] = granted{g, in.Link(), in.Link().Counters.Reconnects.Load()}
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
	if trusted {
		k.Log.Info("privileges granted", zap.String("component", in.Link().Domain().String()), zap.String("host", host), zap.Stringer("grants", g))
	}
}

// roomFor reports whether the advertisement of an untrusted domain can be kept. It
// drops advertisements of earlier connections to make room. k.mu is held.
func (k *Keeper) roomFor(host string, l *component.Link) bool {
	if _, known := k.grants[host]; known {
		return true
	}
	strangers, now := 0, l.Counters.Reconnects.Load()
	for other, g := range k.grants {
		switch {
		case k.trusts(other, l.Domain()):
		case g.connection != now:
			delete(k.grants, other)
			delete(k.managed, other)
		default:
			strangers++
		}
	}
	return strangers < maxStrangers
}

// trusts reports whether a domain is a host of the server: the parent domain of the
// component, or one of Hosts. Domains above the parent belong to others, com for
// instance. k.mu is held.
func (k *Keeper) trusts(host string, domain jid.JID) bool {
	_, parent, _ := strings.Cut(domain.Domain(), ".")
	return parent != "" && host == parent || slices.Contains(k.Hosts, host)
}
