package profiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/refusal"
	"stanzahook/component/bots"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/store"
)

// maxBotBytes bounds the JSON of all bots of the API together.
const maxBotBytes = 16 << 20

// put sets the profile of a bot, and reports whether it is new to the API. With an error
// nothing has changed in this process. If the store has not confirmed the record, the next process
// may have it; so its avatar stays.
//
// Killed before it is stored: nothing has changed, but an avatar may be there that no bot has,
// which the next process removes. Killed after: the next process has it.
func (p *Profiles) put(ctx context.Context, bot jid.JID, keys, image []byte) (fresh bool, err error) {
	cfg, end, err := p.o.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	b, err := cfg.MakeBot(bot.String(), keys, image)
	if err != nil {
		return false, refusal.OfPut(err)
	}
	of := b.Profile // without the rest of b
	m := madeBot{Avatar: of.Avatar, profile: &of}
	_, known := p.made.all[bot]
	if v := m.Avatar; v != nil && p.made.avatars[v.ID] == 0 {
		if err := p.o.Avatars.Put(ctx, v.ID, b.Image); err != nil {
			return false, err
		}
		p.avatars.put(v.ID, b.Image)
	}
	if err = p.keep(ctx, cfg, bot, m, b.Keys); err != nil {
		if errors.Is(err, gateway.ErrFull) {
			p.dropAvatar(ctx, bot, m.Avatar)
		}
		return false, err
	}
	p.o.Log.Info("bot put by the API", zap.Stringer("bot", bot), zap.Bool("new", !known))
	p.warnOfLarge(bot.String(), m.Avatar)
	return !known, nil
}

// keep stores a bot of the API with the keys of its profile, and shows it.
func (p *Profiles) keep(ctx context.Context, cfg *config.Config, bot jid.JID, m madeBot, keys json.RawMessage) error {
	data, err := json.Marshal(botData{Keys: keys, Avatar: m.Avatar, Presence: m.Presence})
	if err != nil {
		return err
	}
	m.size = len(data)
	bytes, n := p.made.bytes+m.size-p.made.all[bot].size, len(p.made.all)+len(cfg.Bots)
	if _, known := p.made.all[bot]; !known {
		n++
	}
	if n > bots.Max || bytes > maxBotBytes {
		return fmt.Errorf("%w: there may be %d bots with a profile, with %d bytes of JSON together; delete one", gateway.ErrFull, bots.Max, maxBotBytes)
	}
	if err := p.o.Records.Put(ctx, store.BotRecord{Bot: bot.String(), Data: data}); err != nil {
		return err
	}
	p.use(ctx, cfg, bot, func() { p.made.set(bot, m) })
	return nil
}

// use changes over to what the API has set of one bot now, which is stored.
func (p *Profiles) use(ctx context.Context, cfg *config.Config, bot jid.JID, change func()) {
	before := p.made.all[bot]
	change()
	if before.ends() || p.made.all[bot].ends() { // another one is next
		p.Change(cfg)
	} else {
		p.changeOne(cfg, bot)
	}
	p.dropAvatar(ctx, bot, before.Avatar)
}

// dropAvatar removes an avatar that no bot of the API has any more.
func (p *Profiles) dropAvatar(ctx context.Context, bot jid.JID, v *profile.Avatar) {
	if v == nil || p.made.avatars[v.ID] > 0 {
		return
	}
	if err := p.o.Avatars.Remove(ctx, v.ID); err != nil { // the next process tries again
		p.o.Log.Warn("avatar not removed", zap.Stringer("bot", bot), zap.Error(err))
	}
	p.avatars.remove(v.ID)
}

// Delete implements v1.Bots: it takes back what the API has set of a bot. One of the file is again
// as that says.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have it.
func (p *Profiles) Delete(ctx context.Context, bot jid.JID) error {
	cfg, end, err := p.o.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, ok := p.made.all[bot]; !ok {
		if fileBot(cfg, bot) != nil {
			return fmt.Errorf("%w: the bot %s is one of the configuration file; change it there, and reload", gateway.ErrConflict, bot)
		}
		return gateway.ErrNotFound
	}
	if err := p.o.Records.Remove(ctx, bot.String()); err != nil {
		return err
	}
	p.use(ctx, cfg, bot, func() { p.made.remove(bot) })
	p.o.Log.Info("bot deleted by the API", zap.Stringer("bot", bot))
	return nil
}

// setPresence sets the presence of a bot with a profile.
//
// Killed before it is stored: nothing has changed. Killed after: the next process has it.
func (p *Profiles) setPresence(ctx context.Context, bot jid.JID, to v1.BotPresence) error {
	cfg, end, err := p.o.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if p.bots.Get(bot) == nil {
		return gateway.ErrNotFound
	}
	keys, err := p.storedKeys(ctx, bot)
	if err != nil {
		return err
	}
	m := p.made.all[bot]
	m.Presence = &botPresence{Presence: to.Presence}
	if to.Until != nil {
		m.Presence.Until = to.Until.UTC()
	}
	return p.keep(ctx, cfg, bot, m, keys)
}

// storedKeys returns the keys of a bot of the API, which are in the store alone; nil for one
// that has none.
func (p *Profiles) storedKeys(ctx context.Context, bot jid.JID) (json.RawMessage, error) {
	if _, ok := p.made.all[bot]; !ok {
		return nil, nil
	}
	rec, err := p.o.Records.Get(ctx, bot.String())
	if err != nil {
		return nil, err
	}
	var data botData
	if json.Unmarshal(rec.Data, &data) != nil { // the log had it at the start
		return nil, nil
	}
	return data.Keys, nil
}
