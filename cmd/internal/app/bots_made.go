package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/component/bots"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/store"
)

// maxBotBytes bounds the JSON of all bots of the API together.
const maxBotBytes = 16 << 20

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

// readMadeBots reads the bots of the API, and removes avatars that none of them has.
func (a *App) readMadeBots(ctx context.Context) error {
	a.madeBots = newMadeBots()
	stored, err := a.store.Bots().All(ctx)
	if err != nil {
		return err
	}
	for _, rec := range stored {
		var data botData
		err := json.Unmarshal(rec.Data, &data)
		m := madeBot{Avatar: data.Avatar, Presence: data.Presence, size: len(rec.Data)}
		if err == nil && len(data.Keys) > 0 {
			var b *config.MadeBot
			if b, err = a.cfg.MakeBot(rec.Bot, data.Keys, nil); err == nil {
				of := b.Profile // without the rest of b
				of.Avatar = m.Avatar
				m.profile = &of
			}
		}
		if err != nil {
			a.log.Error("bot of the API unused: the configuration does not allow it", zap.String("bot", rec.Bot), zap.Error(err), zap.String("hint", "put it again, or delete it"))
		}
		a.madeBots.set(jid.FromServer(rec.Bot), m)
	}
	ids, err := a.store.Avatars().IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if a.madeBots.avatars[id] == 0 { // the process was killed before its bot was stored, or after it was removed
			if err := a.store.Avatars().Remove(ctx, id); err != nil {
				return err
			}
		}
	}
	dir := a.cfg.Store.Dir
	if a.cfg.Store.NATS.URL != "" {
		dir = ""
	}
	a.avatars = newAvatarFiles(a.store.Avatars(), dir, a.madeBots.avatars, a.log)
	return nil
}

// botInFile reports whether the configuration file has a bot.
func (a *App) botInFile(bot jid.JID) bool { return a.fileBot(bot) != nil }

// putBot sets the profile of a bot, and reports whether it is new to the API. With an error
// nothing has changed.
//
// Killed before it is stored: nothing has changed, but an avatar may be there that no bot has,
// which the next process removes. Killed after: the next process has it.
func (a *App) putBot(ctx context.Context, bot jid.JID, keys, image []byte) (fresh bool, err error) {
	if err := a.beginChange(ctx); err != nil {
		return false, err
	}
	defer a.endChange()
	b, err := a.cfg.MakeBot(bot.String(), keys, image)
	if err != nil {
		return false, made.Refusal(err)
	}
	of := b.Profile // without the rest of b
	m := madeBot{Avatar: of.Avatar, profile: &of}
	_, known := a.madeBots.all[bot]
	if v := m.Avatar; v != nil && a.madeBots.avatars[v.ID] == 0 {
		if err := a.store.Avatars().Put(ctx, v.ID, b.Image); err != nil {
			return false, err
		}
		a.avatars.put(v.ID, b.Image)
	}
	if err = a.storeBot(ctx, bot, m, b.Keys); err != nil {
		a.dropAvatar(ctx, bot, m.Avatar)
		return false, err
	}
	a.log.Info("bot put by the API", zap.Stringer("bot", bot), zap.Bool("new", !known))
	return !known, nil
}

// storeBot stores a bot of the API with the keys of its profile, and shows it.
func (a *App) storeBot(ctx context.Context, bot jid.JID, m madeBot, keys json.RawMessage) error {
	data, err := json.Marshal(botData{Keys: keys, Avatar: m.Avatar, Presence: m.Presence})
	if err != nil {
		return err
	}
	m.size = len(data)
	bytes, n := a.madeBots.bytes+m.size-a.madeBots.all[bot].size, len(a.madeBots.all)+len(a.cfg.Bots)
	if _, known := a.madeBots.all[bot]; !known {
		n++
	}
	if n > bots.Max || bytes > maxBotBytes {
		return fmt.Errorf("%w: there may be %d bots with a profile, with %d bytes of JSON together; delete one", gateway.ErrFull, bots.Max, maxBotBytes)
	}
	if err := a.store.Bots().Put(ctx, store.BotRecord{Bot: bot.String(), Data: data}); err != nil {
		return err
	}
	a.useBot(ctx, bot, func() { a.madeBots.set(bot, m) })
	return nil
}

// useBot changes over to what the API has set of one bot now, which is stored.
func (a *App) useBot(ctx context.Context, bot jid.JID, change func()) {
	before := a.madeBots.all[bot]
	change()
	if before.ends() || a.madeBots.all[bot].ends() { // another one is next
		a.setBots(a.cfg)
	} else {
		a.setBot(bot)
	}
	a.dropAvatar(ctx, bot, before.Avatar)
}

// dropAvatar removes an avatar that no bot of the API has any more.
func (a *App) dropAvatar(ctx context.Context, bot jid.JID, v *profile.Avatar) {
	if v == nil || a.madeBots.avatars[v.ID] > 0 {
		return
	}
	if err := a.store.Avatars().Remove(ctx, v.ID); err != nil { // the next process tries again
		a.log.Warn("avatar not removed", zap.Stringer("bot", bot), zap.Error(err))
	}
	a.avatars.remove(v.ID)
}

// deleteBot takes back what the API has set of a bot. One of the file is again as that says.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have it.
func (a *App) deleteBot(ctx context.Context, bot jid.JID) error {
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if _, ok := a.madeBots.all[bot]; !ok {
		if a.botInFile(bot) {
			return fmt.Errorf("%w: the bot %s is one of the configuration file; change it there, and reload", gateway.ErrConflict, bot)
		}
		return gateway.ErrNotFound
	}
	if err := a.store.Bots().Remove(ctx, bot.String()); err != nil {
		return err
	}
	a.useBot(ctx, bot, func() { a.madeBots.remove(bot) })
	a.log.Info("bot deleted by the API", zap.Stringer("bot", bot))
	return nil
}

// setBotPresence sets the presence of a bot with a profile.
//
// Killed before it is stored: nothing has changed. Killed after: the next process has it.
func (a *App) setBotPresence(ctx context.Context, bot jid.JID, p v1.BotPresence) error {
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if a.bots.Get(bot) == nil {
		return gateway.ErrNotFound
	}
	keys, err := a.storedKeys(ctx, bot)
	if err != nil {
		return err
	}
	m := a.madeBots.all[bot]
	m.Presence = &botPresence{Presence: p.Presence}
	if p.Until != nil {
		m.Presence.Until = p.Until.UTC()
	}
	return a.storeBot(ctx, bot, m, keys)
}

// storedKeys returns the keys of a bot of the API, which are in the store alone; nil for one
// that has none.
func (a *App) storedKeys(ctx context.Context, bot jid.JID) (json.RawMessage, error) {
	if _, ok := a.madeBots.all[bot]; !ok {
		return nil, nil
	}
	rec, err := a.store.Bots().Get(ctx, bot.String())
	if err != nil {
		return nil, err
	}
	var data botData
	if json.Unmarshal(rec.Data, &data) != nil { // the log had it at the start
		return nil, nil
	}
	return data.Keys, nil
}
