package app

import (
	"context"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/profiles"
	"stanzahook/component"
	"stanzahook/component/presence"
	"stanzahook/pkg/jid"
)

// loadProfiles reads what the API has set of bots.
func (a *App) loadProfiles(ctx context.Context) (err error) {
	o := profiles.Options{
		Records: a.store.Bots(), Avatars: a.store.Avatars(), Log: a.log, Begin: a.beginMade, HasCommands: a.hasCommands,
		OnChange: func(bot jid.JID, event string) { a.updates.Add(bot, event) }, OnOnly: func() { a.updates.Recheck() },
	}
	if a.cfg.Store.NATS.URL == "" {
		o.Dir = a.cfg.Store.Dir
	}
	if a.profiles, err = profiles.Load(ctx, a.cfg, o); err != nil {
		return err
	}
	a.bots = a.profiles.Bots()
	return nil
}

// makeBots shows the bots with a profile, and makes what tells of their changes.
func (a *App) makeBots() {
	a.profiles.Show(a.cfg)
	a.profiles.WarnOfLargeAvatars(a.cfg)
	a.subscribers.Content = a.bots.Presence
	a.subscribers.Exists = a.bots.Exists
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
