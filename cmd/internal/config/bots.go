package config

import (
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
)

// Bot is what a bot shows of itself.
type Bot struct {
	JID      string          `mapstructure:"jid"`    // canonical, bare
	Name     string          `mapstructure:"name"`   // empty: its localpart
	Avatar   string          `mapstructure:"avatar"` // the file; empty: none
	VCard    BotVCard        `mapstructure:"vcard"`
	Identity BotIdentity     `mapstructure:"identity"`
	Presence BotPresence     `mapstructure:"presence"`
	NoReply  bool            `mapstructure:"noreply"`
	Profile  profile.Profile `mapstructure:"-"` // all of these
}

// BotVCard is what its vCard has besides the name and the avatar.
type BotVCard struct {
	Note  string `mapstructure:"note"`
	URL   string `mapstructure:"url"`
	Email string `mapstructure:"email"`
	Org   string `mapstructure:"org"`
}

// BotIdentity is that of service discovery (XEP-0030).
type BotIdentity struct {
	Category string `mapstructure:"category"`
	Type     string `mapstructure:"type"`
}

// BotPresence is how available it is.
type BotPresence struct {
	Show   string `mapstructure:"show"`
	Status string `mapstructure:"status"`
}

// maxBots bounds the bots of the file.
const maxBots = 10_000

// defaultBot is what an element of bots is decoded over.
func defaultBot() Bot { return Bot{Identity: BotIdentity{Category: "client", Type: "bot"}} }

func (cfg *Config) checkBots(s scope) {
	if n := len(cfg.Bots); n > maxBots {
		s.add("bots", "has %d elements; write at most %d", n, maxBots)
		return
	}
	before := make(map[jid.JID]int, len(cfg.Bots))
	for i := range cfg.Bots {
		b, s := &cfg.Bots[i], s.element("bots", i)
		b.check(s)
		if b.checkAddress(s); b.Profile.JID.IsZero() {
			continue
		}
		if first, twice := before[b.Profile.JID]; twice {
			s.add("jid", "%s is the address of bots[%d] already; keep one", quote(b.JID), first)
		} else {
			before[b.Profile.JID] = i
		}
	}
}

// checkAddress checks whose profile it is.
func (b *Bot) checkAddress(s scope) {
	if b.JID == "" {
		s.add("jid", "is missing; write the address of the bot, for example echo@bot.example.com")
		return
	}
	j, err := jid.Parse(b.JID)
	switch {
	case err != nil || !j.IsBare():
		s.add("jid", "%s is not the address of a bot; write for example echo@bot.example.com", quote(b.JID))
	case s.report.isReported("components"):
	default:
		i := slices.IndexFunc(s.c.Components, func(c Component) bool { return strings.EqualFold(c.Domain, j.Domain()) })
		if i < 0 {
			s.add("jid", "%s is in the domain of no component; write for example echo@%s", quote(b.JID), s.c.Components[0].Domain)
			return
		}
		b.JID, b.Profile.JID = j.String(), j
		if j.IsDomain() {
			b.likeComponent(s, &s.c.Components[i])
		}
	}
}

// likeComponent fills in what is not said of a component itself: its own identity.
func (b *Bot) likeComponent(s scope, c *Component) {
	p := &b.Profile
	if !s.isSet("name") {
		p.Name = c.Identity.Name
	}
	if !s.isSet("identity.category") && !s.isSet("identity.type") {
		p.Category, p.Type = c.Identity.Category, c.Identity.Type
	}
}

// check checks everything but the address, and reads the avatar.
func (b *Bot) check(s scope) {
	b.checkTexts(s)
	if s.isReported("avatar") || !s.isSet("avatar") {
		return
	}
	data, found, err := s.files.image(b.Avatar)
	if err == nil {
		b.Profile.Avatar, err = profile.ReadAvatar(data)
	}
	if err != nil {
		s.add("avatar", "%v", err)
		return
	}
	b.Avatar = found
}

func (b *Bot) checkTexts(s scope) {
	p := &b.Profile
	p.Name, p.NoReply = b.Name, b.NoReply
	p.Card = profile.Card(b.VCard)
	p.Category, p.Type = b.Identity.Category, b.Identity.Type
	p.Presence = profile.Presence(b.Presence)
	for _, problem := range p.Check() {
		s.add(problem.Field, "%s", problem.Text)
	}
}
