package profile

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // XEP-0115 section 5.1
	"encoding/base64"
	"slices"
	"strings"

	"stanzahook/pkg/stanza"
)

// CapsNode is the node of capabilities (XEP-0115 section 4).
const CapsNode = "urn:stanzahook"

// Features returns what a bot has besides the features that are given, sorted.
func (p *Profile) Features(others []string) []string {
	all := append(slices.Clone(others), nsCaps, NSVCard, NSVCard4, "http://jabber.org/protocol/pubsub#retrieve-items")
	if p.NoReply {
		all = append(all, nsNoReply)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *Profile) identity() (category, typ string) {
	return cmp.Or(p.Category, "client"), cmp.Or(p.Type, "bot")
}

// Info returns the answer to disco#info (XEP-0030 section 3.1) with features, which are
// sorted. Node is that of the query.
func (p *Profile) Info(node string, features []string) string {
	category, typ := p.identity()
	b := []byte("<query xmlns='http://jabber.org/protocol/disco#info'")
	if node != "" {
		b = stanza.AppendAttr(b, "node", node)
	}
	b = append(b, "><identity"...)
	b = stanza.AppendAttr(b, "category", category)
	b = stanza.AppendAttr(b, "type", typ)
	b = append(stanza.AppendAttr(b, "name", p.DisplayName()), "/>"...)
	for _, f := range features {
		b = append(stanza.AppendAttr(append(b, "<feature"...), "var", f), "/>"...)
	}
	return string(append(b, "</query>"...))
}

// Verification returns the hash of what Info says (XEP-0115 section 5.1).
func (p *Profile) Verification(features []string) string {
	category, typ := p.identity()
	var b strings.Builder
	b.WriteString(category + "/" + typ + "//" + p.DisplayName() + "<")
	for _, f := range features {
		b.WriteString(f + "<")
	}
	sum := sha1.Sum([]byte(b.String())) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}
