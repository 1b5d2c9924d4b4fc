package profile_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/stanza"
)

func TestCheck(t *testing.T) {
	bot := jid.MustParse("echo@bot.example.com")
	good := profile.Profile{JID: bot, Name: "Echo <&> co", Card: profile.Card{Note: "two\nlines", URL: "https://example.com/?a=b&c", Email: "ops@example.com", Org: "Example"},
		Category: "client", Type: "bot", Presence: profile.Presence{Show: "dnd", Status: "Ready"}}
	if problems := good.Check(); len(problems) > 0 {
		t.Error(problems)
	}
	for field, p := range map[string]profile.Profile{
		"name":              {Name: strings.Repeat("x", 257)},
		"vcard.note":        {Card: profile.Card{Note: strings.Repeat("x", 2049)}},
		"vcard.url":         {Card: profile.Card{URL: "file:///etc/passwd"}},
		"vcard.email":       {Card: profile.Card{Email: "nobody"}},
		"vcard.org":         {Card: profile.Card{Org: "a\x00b"}},
		"identity.category": {Category: "a b"},
		"identity.type":     {Type: "a<b"},
		"presence.show":     {Presence: profile.Presence{Show: "online"}},
		"presence.status":   {Presence: profile.Presence{Status: "\x1b[2J"}},
	} {
		p.JID = bot
		if got := p.Check(); len(got) != 1 || got[0].Field != field || got[0].Text == "" {
			t.Errorf("%s: %v", field, got)
		}
	}
}

// What people write into a profile is text in what is sent, whatever it holds.
func TestXML(t *testing.T) {
	const text = `</FN>&<x a='"'>`
	avatar := &profile.Avatar{ID: "0123", Type: "image/png", Bytes: 5, Width: 2, Height: 3}
	p := profile.Profile{JID: jid.MustParse("ohara@bot.example.com"), Name: text, Card: profile.Card{Note: text, Org: text, URL: "https://example.com/?a&b"}, Avatar: avatar,
		Presence: profile.Presence{Show: "away", Status: text}}
	parse := func(xml string) *stanza.Element {
		t.Helper()
		e, err := stanza.ParseElement(xml, stanza.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", xml, err)
		}
		return e
	}
	card := parse(p.VCard([]byte("image")))
	for _, name := range []string{"FN", "NICKNAME", "NOTE", "DESC"} {
		if c := card.Child("vcard-temp", name); c == nil || c.Text != text {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if photo := card.Child("vcard-temp", "PHOTO"); photo == nil || photo.Child("vcard-temp", "BINVAL").Text != "aW1hZ2U=" || photo.Child("vcard-temp", "TYPE").Text != "image/png" {
		t.Errorf("%s", card.XML())
	}
	if parse(p.VCard(nil)).Child("vcard-temp", "PHOTO") != nil {
		t.Error("a photo without an image")
	}
	if fn := parse(p.VCard4()).Child(profile.NSVCard4, "fn"); fn == nil || fn.Child(profile.NSVCard4, "text").Text != text {
		t.Error(p.VCard4())
	}
	if i := parse(p.Info("n'&", p.Features([]string{"b", "a"}))); i.Children[0].Attrs[2].Value != text || i.Attrs[0].Value != "n'&" {
		t.Errorf("%s", i.XML())
	}
	presence := parse("<presence>" + p.PresenceXML(p.Presence, "v=") + "</presence>")
	if c := presence.Child("", "status"); c == nil || c.Text != text || presence.Child("vcard-temp:x:update", "x").Child("vcard-temp:x:update", "photo").Text != "0123" {
		t.Errorf("%s", presence.XML())
	}
	if e := parse(p.AvatarEvent()); !strings.Contains(e.XML(), "<info bytes='5' id='0123' type='image/png' width='2' height='3'/>") {
		t.Errorf("%s", e.XML())
	}
	p.Avatar = nil
	if e := parse(p.AvatarEvent()); !strings.Contains(e.XML(), "<metadata xmlns='urn:xmpp:avatar:metadata'/>") {
		t.Errorf("%s", e.XML())
	}
	for _, node := range []string{"urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data"} {
		if item, known := p.Item(node); !known || item.ID != "" {
			t.Errorf("%s without an avatar: %+v %v", node, item, known)
		}
	}
	if _, known := p.Item("urn:xmpp:omemo:2:devices"); known {
		t.Error("another node is known")
	}
}

// The example of XEP-0115 section 5.2, and the same from the answer that Info gives.
func TestVerification(t *testing.T) {
	p := profile.Profile{JID: jid.MustParse("a@example.com"), Name: "Exodus 0.9.1", Category: "client", Type: "pc"}
	features := []string{"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"}
	if got := p.Verification(features); got != "QgayPKawpkPSDYmwT/WM94uAlu0=" {
		t.Error(got)
	}
}
