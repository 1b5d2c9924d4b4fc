package profiles

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/bots"
	"stanzahook/component/disco"
	"stanzahook/pkg/command"
	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/store"
)

// Records are what the API has set, like [store.Bots]. An error other than gateway.ErrFull does
// not say whether a record was stored.
type Records interface {
	Put(context.Context, store.BotRecord) error
	Get(ctx context.Context, bot string) (store.BotRecord, error)
	Remove(ctx context.Context, bot string) error
	All(context.Context) ([]store.BotRecord, error)
}

// Options configure [Profiles].
type Options struct {
	Records Records
	Avatars *store.Avatars
	Dir     string // for copies of avatars; empty: there are none
	Log     *zap.Logger

	// Begin waits until no other change of the configuration is in progress. It returns the
	// current one, and what ends the change.
	Begin func(context.Context) (cfg *config.Config, end func(), err error)
	// HasCommands reports whether a bot has commands.
	HasCommands func(bot jid.JID) bool
	// OnChange is called for each change, with the event of its avatar, and OnOnly when bots are
	// there or not there because bots_only has changed.
	OnChange func(bot jid.JID, event string)
	OnOnly   func()
}

// Profiles are the profiles of all bots. It implements [v1.Bots]. Show and Change are called
// during a change of the configuration, or before the first one.
type Profiles struct {
	o       Options
	bots    *bots.Bots
	made    madeBots
	avatars avatarFiles // of them
	timer   *time.Timer // for the end of a presence; nil: none has one
}

// Load reads what the API has set, as a configuration allows it, and removes avatars that no bot
// has. Nothing is shown yet.
func Load(ctx context.Context, cfg *config.Config, o Options) (*Profiles, error) {
	p := &Profiles{o: o}
	p.bots = bots.New(bots.Options{Image: p.image, Features: disco.OwnFeatures(), ForCommands: []string{command.NS, form.NS}, Log: o.Log})
	return p, p.load(ctx, cfg)
}

// Bots answer for the bots.
func (p *Profiles) Bots() *bots.Bots { return p.bots }

// Show changes over to the bots of a configuration and of the API while nobody is connected.
func (p *Profiles) Show(cfg *config.Config) {
	p.bots.Set(p.all(cfg))
	p.bots.SetOnly(cfg.BotsOnly)
}

// Change is Show while somebody may be connected, who is told.
func (p *Profiles) Change(cfg *config.Config) {
	for _, c := range p.bots.Set(p.all(cfg)) {
		p.o.OnChange(c.Bot, c.Event)
	}
	if p.bots.SetOnly(cfg.BotsOnly) {
		p.o.OnOnly()
	}
}

// changeOne changes over to what is set of one bot, whose presence has no end. Change takes as
// long as there are bots.
func (p *Profiles) changeOne(cfg *config.Config, j jid.JID) {
	var one *bots.Bot
	if m := p.made.all[j]; m.counts() {
		one = &bots.Bot{Profile: m.profile, Made: true}
	} else if b := fileBot(cfg, j); b != nil {
		filed := ofFile(b)
		one = &filed
	}
	if one != nil {
		if presence := p.made.all[j].Presence; presence != nil {
			one.Profile = withPresence(one.Profile, presence)
		}
		one.Commands = p.o.HasCommands(j)
	}
	for _, c := range p.bots.SetOne(j, one) {
		p.o.OnChange(c.Bot, c.Event)
	}
}

// ofFile returns a bot of the configuration file, without the rest of that.
func ofFile(b *config.Bot) bots.Bot {
	of := b.Profile
	return bots.Bot{Profile: &of, File: b.Avatar}
}

// withPresence returns a profile with another presence.
func withPresence(of *profile.Profile, p *botPresence) *profile.Profile {
	other := *of
	other.Presence = p.Presence
	return &other
}

// fileBot returns a bot of the configuration file; nil: there is none.
func fileBot(cfg *config.Config, j jid.JID) *config.Bot {
	for i := range cfg.Bots {
		if cfg.Bots[i].Profile.JID == j {
			return &cfg.Bots[i]
		}
	}
	return nil
}

// all are the bots of a configuration, and those of the API, which count more.
func (p *Profiles) all(cfg *config.Config) []bots.Bot {
	now := time.Now()
	var next time.Time
	all := make([]bots.Bot, 0, len(cfg.Bots)+len(p.made.all))
	add := func(b bots.Bot) {
		if set := p.made.all[b.JID].Presence; set != nil && (set.Until.IsZero() || set.Until.After(now)) {
			b.Profile, b.Until = withPresence(b.Profile, set), set.Until
			if !set.Until.IsZero() && (next.IsZero() || set.Until.Before(next)) {
				next = set.Until
			}
		}
		b.Commands = p.o.HasCommands(b.JID)
		all = append(all, b)
	}
	for i := range cfg.Bots {
		b := &cfg.Bots[i]
		if m := p.made.all[b.Profile.JID]; !m.counts() {
			add(ofFile(b))
		}
	}
	for _, m := range p.made.all {
		if m.counts() {
			add(bots.Bot{Profile: m.profile, Made: true})
		}
	}
	p.changeAgain(next)
	return all
}

// changeAgain changes over to the bots once more when the presence of one of them ends; never,
// if the time is zero.
func (p *Profiles) changeAgain(at time.Time) {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if at.IsZero() {
		return
	}
	p.timer = time.AfterFunc(time.Until(at), func() {
		if cfg, end, err := p.o.Begin(context.Background()); err == nil { // else there is no more change
			defer end()
			p.Change(cfg)
		}
	})
}

// WarnOfLargeAvatars logs which avatars of the configuration not every client loads.
func (p *Profiles) WarnOfLargeAvatars(cfg *config.Config) {
	for i := range cfg.Bots {
		p.warnOfLarge(cfg.Bots[i].JID, cfg.Bots[i].Profile.Avatar)
	}
}

func (p *Profiles) warnOfLarge(bot string, v *profile.Avatar) {
	if v != nil && v.Doubt() != "" {
		p.o.Log.Warn("avatar is large", zap.String("bot", bot), zap.Int("bytes", v.Bytes), zap.String("hint", "some clients do not load more than 64 KiB"))
	}
}

// image is bots.Options.Image.
func (p *Profiles) image(ctx context.Context, b *bots.Bot) ([]byte, error) {
	if b.Made {
		return p.avatars.get(ctx, b.Avatar.ID)
	}
	return config.ReadImage(b.File)
}
