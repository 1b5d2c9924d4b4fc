// Package privilege takes what servers tell privileged components: grants
// (XEP-0356) and delegations (XEP-0355). They are between the server and the
// component, and whoever else sends one must not reach an endpoint with it.
//
// Of the grants one is used: a server that lets a component see the presence of
// its users (XEP-0356 section 7) sends it the presence of all of them. That is
// not meant for bots, and is kept from endpoints.
package privilege

import (
	"encoding/xml"
	"strings"
	"sync"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
)

// Keeper is the handler of one component's privileges.
type Keeper struct {
	Log *zap.Logger

	mu      sync.Mutex
	managed map[string]bool // hosts whose users' presence the component sees
}

// Handle implements component.Handler.
func (k *Keeper) Handle(in *component.Incoming) bool {
	switch {
	case in.Kind == stanza.Message && in.ClaimsPrivilege():
		k.advertised(in)
		return true
	case in.Kind == stanza.Presence && in.To == in.Link().Domain() && (in.Type == "" || in.Type == "unavailable"):
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.managed[in.From.Domain()]
	}
	return false
}

// advertised notes a grant of presence. Only the host that the component is a
// subdomain of is believed.
func (k *Keeper) advertised(in *component.Incoming) {
	if !in.From.IsDomain() || !strings.HasSuffix(in.Link().Domain().Domain(), "."+in.From.Domain()) {
		k.Log.Warn("a privilege advertisement from somebody else than the server was ignored", zap.Stringer("from", in.From))
		return
	}
	var doc struct {
		Privilege struct {
			Perms []struct {
				Access string `xml:"access,attr"`
				Type   string `xml:"type,attr"`
			} `xml:"perm"`
		} `xml:"privilege"`
	}
	if err := xml.Unmarshal([]byte(in.XML()), &doc); err != nil {
		return // it says nothing
	}
	for _, p := range doc.Privilege.Perms {
		if p.Access == "presence" {
			k.mu.Lock()
			if k.managed == nil {
				k.managed = make(map[string]bool)
			}
			k.managed[in.From.Domain()] = p.Type != "none"
			k.mu.Unlock()
		}
	}
}
