package delivery

import (
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// senderOf is who answers for what comes from an address, in the breaker and where
// senders share something: the bare JID, which is also that of a room. Of a domain
// that is not one of Hosts nobody here knows how many users it makes up, so it
// counts as one sender.
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
	return jid.FromServer(domain)
}

// mayTake is the rule by which senders share a number of places: nobody holds more
// of them than are left free for the others, and who holds none gets one. So one
// sender alone has half of them at most, two a third each; there is room for one
// more as long as there is any.
func mayTake(held, free int) bool { return free > 0 && held < max(1, free) }
