package profile

import (
	"encoding/base64"

	"stanzahook/pkg/stanza"
)

// Namespaces.
const (
	NSVCard    = "vcard-temp"
	NSVCard4   = "urn:ietf:params:xml:ns:vcard-4.0"
	NSPubSub   = "http://jabber.org/protocol/pubsub"
	NSNick     = "http://jabber.org/protocol/nick"
	nsEvent    = "http://jabber.org/protocol/pubsub#event"
	nsMetadata = "urn:xmpp:avatar:metadata"
	nsData     = "urn:xmpp:avatar:data"
	nodeVCard4 = "urn:xmpp:vcard4"
	nsUpdate   = "vcard-temp:x:update"
	nsCaps     = "http://jabber.org/protocol/caps"
	nsNoReply  = "urn:xmpp:noreply:0"
)

// optional returns an element with a text; nothing if there is none.
func optional(local, text string) string {
	if text == "" {
		return ""
	}
	return stanza.TextElement(local, text)
}

// wrap returns an element around others; nothing if there are none.
func wrap(local, inner string) string {
	if inner == "" {
		return ""
	}
	return "<" + local + ">" + inner + "</" + local + ">"
}

// VCard returns the vCard of XEP-0054. Image is that of the avatar; nil: it has none.
func (p *Profile) VCard(image []byte) string {
	photo := ""
	if p.Avatar != nil && image != nil {
		photo = "<PHOTO><TYPE>" + p.Avatar.Type + "</TYPE><BINVAL>" + base64.StdEncoding.EncodeToString(image) + "</BINVAL></PHOTO>"
	}
	email := ""
	if p.Card.Email != "" {
		email = "<EMAIL><INTERNET/><PREF/>" + stanza.TextElement("USERID", p.Card.Email) + "</EMAIL>"
	}
	return "<vCard xmlns='" + NSVCard + "'>" + stanza.TextElement("FN", p.DisplayName()) + stanza.TextElement("NICKNAME", p.DisplayName()) + photo + email +
		stanza.TextElement("JABBERID", p.JID.String()) + wrap("ORG", optional("ORGNAME", p.Card.Org)) +
		optional("NOTE", p.Card.Note) + optional("URL", p.Card.URL) + optional("DESC", p.Card.Note) + "</vCard>"
}

// VCard4 returns the vCard of XEP-0292, which has no photo: clients that read it know
// XEP-0084.
func (p *Profile) VCard4() string {
	text := func(local, value string) string { return wrap(local, optional("text", value)) }
	return "<vcard xmlns='" + NSVCard4 + "'>" + text("kind", "application") + text("fn", p.DisplayName()) + text("nickname", p.DisplayName()) +
		text("email", p.Card.Email) + wrap("impp", optional("uri", "xmpp:"+p.JID.String())) + text("org", p.Card.Org) +
		text("note", p.Card.Note) + wrap("url", optional("uri", p.Card.URL)) + "</vcard>"
}
