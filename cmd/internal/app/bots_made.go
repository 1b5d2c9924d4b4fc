package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
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

// madeBot is a bot of the API.
type madeBot struct {
	botData
	profile profile.Profile // if there are keys
	unused  bool            // the configuration does not allow it
	size    int             // of the data
}

// counts reports whether the profile is that of the API.
func (m *madeBot) counts() bool { return len(m.Keys) > 0 && !m.unused }

// readMadeBots reads the bots of the API, and removes avatars that none of them has.
func (a *App) readMadeBots(ctx context.Context) error {
	a.madeBots = make(map[jid.JID]madeBot)
	stored, err := a.store.Bots().All(ctx)
	if err != nil {
		return err
	}
	used := make(map[string]bool)
	for _, rec := range stored {
		m := madeBot{size: len(rec.Data)}
		err := json.Unmarshal(rec.Data, &m.botData)
		var b *config.MadeBot
		if err == nil && len(m.Keys) > 0 {
			if b, err = a.cfg.MakeBot(rec.Bot, m.Keys, nil); err == nil {
				m.profile = b.Profile
				m.profile.Avatar = m.Avatar
			}
		}
		if m.Avatar != nil {
			used[m.Avatar.ID] = true
		}
		if err != nil {
			a.log.Error("bot of the API unused: the configuration does not allow it", zap.String("bot", rec.Bot), zap.Error(err), zap.String("hint", "put it again, or delete it"))
			m.unused = true
		}
		a.madeBots[jid.FromServer(rec.Bot)] = m
	}
	ids, err := a.store.Avatars().IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !used[id] { // the process was killed before its bot was stored, or after it was removed
			if err := a.store.Avatars().Remove(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// botInFile reports whether the configuration file has a bot.
func (a *App) botInFile(bot jid.JID) bool {
	for i := range a.cfg.Bots {
		if a.cfg.Bots[i].Profile.JID == bot {
			return true
		}
	}
	return false
}

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
	if mistakes, ok := errors.AsType[*config.Mistakes](err); ok {
		return false, wrongEndpoint(mistakes)
	}
	if err != nil {
		return false, err
	}
	m := madeBot{botData: botData{Keys: b.Keys, Avatar: b.Profile.Avatar}, profile: b.Profile}
	_, known := a.madeBots[bot]
	if v := m.Avatar; v != nil && !a.hasAvatar(v.ID) {
		if err := a.store.Avatars().Put(ctx, v.ID, b.Image); err != nil {
			return false, err
		}
	}
	if err = a.storeBot(ctx, bot, m); err != nil {
		a.dropAvatar(ctx, bot, m.Avatar)
		return false, err
	}
	a.log.Info("bot put by the API", zap.Stringer("bot", bot), zap.Bool("new", !known))
	return !known, nil
}

// hasAvatar reports whether a bot of the API has an avatar.
func (a *App) hasAvatar(id string) bool {
	for _, m := range a.madeBots {
		if m.Avatar != nil && m.Avatar.ID == id {
			return true
		}
	}
	return false
}

// storeBot stores a bot of the API, and shows it.
func (a *App) storeBot(ctx context.Context, bot jid.JID, m madeBot) error {
	data, err := json.Marshal(m.botData)
	if err != nil {
		return err
	}
	m.size = len(data)
	next := maps.Clone(a.madeBots)
	next[bot] = m
	bytes := 0
	for _, one := range next {
		bytes += one.size
	}
	if len(next)+len(a.cfg.Bots) > bots.Max || bytes > maxBotBytes {
		return fmt.Errorf("%w: there may be %d bots with a profile, with %d bytes of JSON together; delete one", gateway.ErrFull, bots.Max, maxBotBytes)
	}
	if err := a.store.Bots().Put(ctx, store.BotRecord{Bot: bot.String(), Data: data}); err != nil {
		return err
	}
	a.useBots(ctx, bot, next)
	return nil
}

// useBots changes over to other bots of the API, which are stored.
func (a *App) useBots(ctx context.Context, changed jid.JID, next map[jid.JID]madeBot) {
	before := a.madeBots[changed].Avatar
	a.madeBots = next
	a.setBots(a.cfg)
	a.dropAvatar(ctx, changed, before)
}

// dropAvatar removes an avatar that no bot of the API has any more.
func (a *App) dropAvatar(ctx context.Context, bot jid.JID, v *profile.Avatar) {
	if v == nil || a.hasAvatar(v.ID) {
		return
	}
	if err := a.store.Avatars().Remove(ctx, v.ID); err != nil { // the next process tries again
		a.log.Warn("avatar not removed", zap.Stringer("bot", bot), zap.Error(err))
	}
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
	if _, ok := a.madeBots[bot]; !ok {
		if a.botInFile(bot) {
			return fmt.Errorf("%w: the bot %s is one of the configuration file; change it there, and reload", gateway.ErrConflict, bot)
		}
		return gateway.ErrNotFound
	}
	if err := a.store.Bots().Remove(ctx, bot.String()); err != nil {
		return err
	}
	next := maps.Clone(a.madeBots)
	delete(next, bot)
	a.useBots(ctx, bot, next)
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
	m := a.madeBots[bot]
	m.Presence = &botPresence{Presence: p.Presence}
	if p.Until != nil {
		m.Presence.Until = p.Until.UTC()
	}
	return a.storeBot(ctx, bot, m)
}
