package delivery

import (
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// senderOf returns the sender that an address counts as, in the breaker and where
// senders share something: the bare JID, which is also that of a room. A domain
// that is not one of Hosts can make up any number of users, so it counts as one sender.
func senderOf(e *webhook.Endpoint, from jid.JID) jid.JID {
	domain := from.Domain()
	if e.Hosts == nil {
		return from.Bare()
	}
	for _, host := range e.Hosts {
		if domain == host || strings.HasSuffix(domain, host) && domain[len(domain)-len(host)-1] == '.' {
			return from.Bare()
		}
	}
	return jid.FromServer(from.Site())
}

// SenderOf returns the sender that an event counts as, where senders share something.
func SenderOf(e *webhook.Endpoint, ev *webhook.Event) jid.JID {
	if !ev.Who.IsZero() {
		return senderOf(e, ev.Who)
	}
	return senderOf(e, ev.Stanza.From)
}

// mayTake is the rule by which senders share a number of places: a sender holds at most
// as many as are left free, and one that holds none gets one. So one
// sender alone has half of them at most, two a third each.
func mayTake(held, free int) bool { return free > 0 && held < max(1, free) }
