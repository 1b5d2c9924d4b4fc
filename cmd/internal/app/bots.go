package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/bots"
	"stanzahook/component/disco"
	"stanzahook/component/presence"
	"stanzahook/pkg/command"
	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
)

// makeBots makes what answers for bots with a profile, and tells of their changes.
func (a *App) makeBots() {
	a.bots = bots.New(bots.Options{Image: a.botImage, Features: disco.OwnFeatures(), ForCommands: []string{command.NS, form.NS}, Log: a.log})
	a.bots.Set(a.botProfiles(a.cfg)) // nobody is connected yet
	a.warnOfLargeAvatars(a.cfg)
	a.subscribers.Content = a.bots.Presence
	a.subscribers.Exists = a.bots.Exists
	a.bots.SetOnly(a.cfg.BotsOnly)
	components := a.cfg.Components
	a.updates = presence.NewUpdates(a.subscribers, func() []*component.Link {
		var all []*component.Link
		for _, c := range components {
			if c.Presence == config.PresenceAuto {
				all = append(all, a.links[c.Domain])
			}
		}
		return all
	}, a.rooms.Update)
}

// setBots changes over to the bots of a configuration and of the API.
func (a *App) setBots(cfg *config.Config) {
	for _, c := range a.bots.Set(a.botProfiles(cfg)) {
		a.updates.Add(c.Bot, c.Event)
	}
	if a.bots.SetOnly(cfg.BotsOnly) {
		a.updates.Recheck()
	}
}

// setBot changes over to what is set of one bot, whose presence has no end. setBots takes as
// long as there are bots.
func (a *App) setBot(j jid.JID) {
	var one *bots.Bot
	if m := a.madeBots.all[j]; m.counts() {
		one = &bots.Bot{Profile: m.profile, Made: true}
	} else if b := a.fileBot(j); b != nil {
		filed := ofFile(b)
		one = &filed
	}
	if one != nil {
		if p := a.madeBots.all[j].Presence; p != nil {
			one.Profile = withPresence(one.Profile, p)
		}
		one.Commands = a.hasCommands(j)
	}
	for _, c := range a.bots.SetOne(j, one) {
		a.updates.Add(c.Bot, c.Event)
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
func (a *App) fileBot(j jid.JID) *config.Bot {
	for i := range a.cfg.Bots {
		if a.cfg.Bots[i].Profile.JID == j {
			return &a.cfg.Bots[i]
		}
	}
	return nil
}

// botProfiles are the bots of a configuration, and those of the API, which count more.
func (a *App) botProfiles(cfg *config.Config) []bots.Bot {
	now := time.Now()
	var next time.Time
	all := make([]bots.Bot, 0, len(cfg.Bots)+len(a.madeBots.all))
	add := func(b bots.Bot) {
		if p := a.madeBots.all[b.JID].Presence; p != nil && (p.Until.IsZero() || p.Until.After(now)) {
			b.Profile, b.Until = withPresence(b.Profile, p), p.Until
			if !p.Until.IsZero() && (next.IsZero() || p.Until.Before(next)) {
				next = p.Until
			}
		}
		b.Commands = a.hasCommands(b.JID)
		all = append(all, b)
	}
	for i := range cfg.Bots {
		b := &cfg.Bots[i]
		if m := a.madeBots.all[b.Profile.JID]; !m.counts() {
			add(ofFile(b))
		}
	}
	for _, m := range a.madeBots.all {
		if m.counts() {
			add(bots.Bot{Profile: m.profile, Made: true})
		}
	}
	a.setBotsAgain(next)
	return all
}

// setBotsAgain sets the bots once more when the presence of one of them ends; never, if the
// time is zero.
func (a *App) setBotsAgain(at time.Time) {
	if a.botTimer != nil {
		a.botTimer.Stop()
		a.botTimer = nil
	}
	if at.IsZero() {
		return
	}
	a.botTimer = time.AfterFunc(time.Until(at), func() {
		if a.beginChange(a.stopping) == nil {
			defer a.endChange()
			a.setBots(a.cfg)
		}
	})
}

// warnOfLargeAvatars says which avatars of the configuration not every client loads.
func (a *App) warnOfLargeAvatars(cfg *config.Config) {
	for i := range cfg.Bots {
		if v := cfg.Bots[i].Profile.Avatar; v != nil && v.Bytes > profile.LargeAvatar {
			a.log.Warn("avatar is large", zap.String("bot", cfg.Bots[i].JID), zap.Int("bytes", v.Bytes), zap.String("hint", "some clients do not load more than 64 KiB"))
		}
	}
}

// botImage is bots.Options.Image.
func (a *App) botImage(ctx context.Context, b *bots.Bot) ([]byte, error) {
	if b.Made {
		return a.avatars.get(ctx, b.Avatar.ID)
	}
	return config.ReadImage(b.File)
}
