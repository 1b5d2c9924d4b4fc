package profiles

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
)

// botData is what the store has of a bot of the API.
type botData struct {
	Keys     json.RawMessage `json:"keys,omitempty"` // of its profile; none: the file has that
	Avatar   *profile.Avatar `json:"avatar,omitempty"`
	Presence *botPresence    `json:"presence,omitempty"` // instead of that of the profile
}

// botPresence is a presence that was set by itself.
type botPresence struct {
	profile.Presence
	Until time.Time `json:"until,omitzero"` // zero: until it is set again
}

// madeBot is a bot of the API. There may be many.
type madeBot struct {
	Avatar   *profile.Avatar
	Presence *botPresence
	profile  *profile.Profile // nil: there is none, or the configuration does not allow it
	size     int              // of the data
}

// madeBots are the bots of the API.
type madeBots struct {
	all     map[jid.JID]madeBot
	bytes   int            // of their data
	avatars map[string]int // how many of them have an avatar, by its id
}

func newMadeBots() madeBots {
	return madeBots{all: make(map[jid.JID]madeBot), avatars: make(map[string]int)}
}

// set adds or replaces a bot, and remove removes it.
func (m *madeBots) set(bot jid.JID, one madeBot) {
	m.remove(bot)
	m.all[bot] = one
	m.bytes += one.size
	if one.Avatar != nil {
		m.avatars[one.Avatar.ID]++
	}
}

func (m *madeBots) remove(bot jid.JID) {
	one, ok := m.all[bot]
	if !ok {
		return
	}
	delete(m.all, bot)
	m.bytes -= one.size
	if one.Avatar == nil {
		return
	}
	if m.avatars[one.Avatar.ID]--; m.avatars[one.Avatar.ID] == 0 {
		delete(m.avatars, one.Avatar.ID)
	}
}

// ends reports whether the presence that was set ends by itself.
func (m madeBot) ends() bool { return m.Presence != nil && !m.Presence.Until.IsZero() }

// counts reports whether the profile is that of the API.
func (m *madeBot) counts() bool { return m.profile != nil }

// load reads the bots of the API, and removes avatars that none of them has.
func (p *Profiles) load(ctx context.Context, cfg *config.Config) error {
	p.made = newMadeBots()
	stored, err := p.o.Records.All(ctx)
	if err != nil {
		return err
	}
	for _, rec := range stored {
		var data botData
		err := json.Unmarshal(rec.Data, &data)
		m := madeBot{Avatar: data.Avatar, Presence: data.Presence, size: len(rec.Data)}
		if err == nil && len(data.Keys) > 0 {
			var b *config.MadeBot
			if b, err = cfg.MakeBot(rec.Bot, data.Keys, nil); err == nil {
				of := b.Profile // without the rest of b
				of.Avatar = m.Avatar
				m.profile = &of
			}
		}
		if err != nil {
			p.o.Log.Error("bot of the API unused: the configuration does not allow it", zap.String("bot", rec.Bot), zap.Error(err), zap.String("hint", "put it again, or delete it"))
		}
		p.made.set(jid.FromServer(rec.Bot), m)
	}
	ids, err := p.o.Avatars.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if p.made.avatars[id] == 0 { // the process was killed before its bot was stored, or after it was removed
			if err := p.o.Avatars.Remove(ctx, id); err != nil {
				return err
			}
		}
	}
	p.avatars = newAvatarFiles(p.o.Avatars, p.o.Dir, p.made.avatars, p.o.Log)
	return nil
}
