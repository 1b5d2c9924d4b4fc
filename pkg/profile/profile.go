package profile

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of a profile, in bytes. All of it together is well below the 10,000 bytes that every
// server takes (RFC 6120 section 13.12), but for the avatar in a vCard.
const (
	MaxName   = 256
	MaxNote   = 2048
	MaxURL    = 1024
	MaxEmail  = 320
	MaxOrg    = 256
	MaxStatus = 1024
)

// Profile is what a bot shows of itself.
type Profile struct {
	JID      jid.JID // bare; without a localpart: the component itself
	Name     string  // empty: its localpart, or its domain
	Avatar   *Avatar // nil: none
	Card     Card
	Category string // of its identity (XEP-0030); empty: client
	Type     string // empty: bot
	Presence Presence
	NoReply  bool // it reads no messages (XEP-0506)
}

// Card is what a vCard has besides the name and the avatar. What is empty is left out.
type Card struct{ Note, URL, Email, Org string }

// Presence is how available a bot is (RFC 6121 section 4.7).
type Presence struct {
	Show   string `json:"show"` // away, chat, dnd, xa, or empty: available
	Status string `json:"status"`
}

// Problem is something wrong with a profile.
type Problem struct {
	Field string // name, vcard.url, presence.show, …
	Text  string // what to do
}

// DisplayName returns the name by which people know the bot.
func (p *Profile) DisplayName() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.JID.Local() != "":
		return p.JID.Local()
	}
	return p.JID.Domain()
}

// Check returns what is wrong with the texts of a profile.
func (p *Profile) Check() []Problem {
	c := checker{}
	c.line("name", p.Name, MaxName)
	c.text("vcard.note", p.Card.Note, MaxNote)
	if c.line("vcard.url", p.Card.URL, MaxURL) && p.Card.URL != "" {
		if u, err := url.Parse(p.Card.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			c.add("vcard.url", "is no address of a web page; write for example https://example.com")
		}
	}
	if c.line("vcard.email", p.Card.Email, MaxEmail) && p.Card.Email != "" {
		if a, err := mail.ParseAddress(p.Card.Email); err != nil || a.Address != p.Card.Email {
			c.add("vcard.email", "is no e-mail address; write for example ops@example.com")
		}
	}
	c.line("vcard.org", p.Card.Org, MaxOrg)
	c.word("identity.category", p.Category)
	c.word("identity.type", p.Type)
	c.problems = append(c.problems, p.Presence.Check()...)
	return c.problems
}

// Check returns what is wrong with a presence; the fields are presence.show and
// presence.status.
func (p *Presence) Check() []Problem {
	c := checker{}
	switch p.Show {
	case "", "away", "chat", "dnd", "xa":
	default:
		c.add("presence.show", "is not known; write away, chat, dnd or xa, or leave it empty")
	}
	c.text("presence.status", p.Status, MaxStatus)
	return c.problems
}

type checker struct{ problems []Problem }

func (c *checker) add(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{field, fmt.Sprintf(format, args...)})
}

// text checks what may have several lines.
func (c *checker) text(field, text string, most int) bool {
	switch {
	case len(text) > most:
		c.add(field, "has %d bytes; write at most %d", len(text), most)
	case stanza.CheckText(text) >= 0:
		c.add(field, "holds a character XML forbids; remove it")
	default:
		return true
	}
	return false
}

func (c *checker) line(field, text string, most int) bool {
	if !c.text(field, text, most) {
		return false
	}
	if strings.ContainsFunc(text, unicode.IsControl) || text != "" && strings.TrimSpace(text) == "" {
		c.add(field, "has a line break or another control character in it, or only spaces; write one line of text")
		return false
	}
	return true
}

// word checks a word of the registry of identities. The separators of XEP-0115 section 5.1
// would make two identities look the same.
func (c *checker) word(field, text string) {
	if c.line(field, text, 64) && strings.ContainsAny(text, "/< ") {
		c.add(field, "has a space, a / or a < in it; write a word of https://xmpp.org/registrar/disco-categories.html")
	}
}
