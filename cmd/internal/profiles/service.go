package profiles

import (
	"context"
	"slices"
	"strings"

	"stanzahook/component/bots"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// List implements v1.Bots.
func (p *Profiles) List(after string, most int) (page []v1.Bot, more bool) {
	all := p.bots.All()
	at, found := slices.BinarySearchFunc(all, after, func(b *bots.Bot, after string) int { return strings.Compare(b.JID.String(), after) })
	if found {
		at++
	}
	all = all[at:]
	page = make([]v1.Bot, min(most, len(all)))
	for i := range page {
		page[i] = describeBot(all[i])
	}
	return page, len(all) > most
}

func describeBot(b *bots.Bot) v1.Bot {
	v := v1.Bot{JID: b.JID, Name: b.DisplayName(), Source: "config", Avatar: b.Avatar, VCard: v1.BotCard(b.Card),
		Identity: v1.BotIdentity{Category: b.Category, Type: b.Type}, Presence: v1.BotPresence{Presence: b.Presence}, NoReply: b.NoReply}
	if b.Avatar != nil {
		v.Remark = b.Avatar.Doubt()
	}
	if b.Made {
		v.Source = "api"
	}
	if !b.Until.IsZero() {
		v.Presence.Until = &b.Until
	}
	return v
}

// Get implements v1.Bots.
func (p *Profiles) Get(bot jid.JID) (v1.Bot, error) {
	b := p.bots.Get(bot)
	if b == nil {
		return v1.Bot{}, gateway.ErrNotFound
	}
	return describeBot(b), nil
}

// Image implements v1.Bots.
func (p *Profiles) Image(bot jid.JID) (image []byte, media string, err error) {
	b := p.bots.Get(bot)
	if b == nil || b.Avatar == nil {
		return nil, "", gateway.ErrNotFound
	}
	image, err = p.bots.Image(b)
	return image, b.Avatar.Type, err
}

// Put implements v1.Bots.
func (p *Profiles) Put(ctx context.Context, bot jid.JID, keys, image []byte) (v1.Bot, bool, error) {
	fresh, err := p.put(ctx, bot, keys, image)
	if err != nil {
		return v1.Bot{}, false, err
	}
	b, err := p.Get(bot)
	return b, fresh, err
}

// SetPresence implements v1.Bots.
func (p *Profiles) SetPresence(ctx context.Context, bot jid.JID, to v1.BotPresence) (v1.Bot, error) {
	if err := p.setPresence(ctx, bot, to); err != nil {
		return v1.Bot{}, err
	}
	return p.Get(bot)
}
