// Package bots answers for the bots that have a profile (package profile), whatever their
// webhooks do: vCard (XEP-0054, XEP-0292), avatar (XEP-0084, XEP-0153), nick (XEP-0172),
// service discovery and capabilities (XEP-0030, XEP-0115). [Bots.Presence] is what their
// presence carries.
//
//	all := bots.New(bots.Options{Image: readImage, Features: disco.OwnFeatures()})
//	all.Set(configured)
//	// the handler of every link, before those of endpoints: all
//
// bots.go has the table, handler.go the answers, only.go those for bots that do not exist, images.go the cache of images and how much
// of them everybody gets.
//
// Profiles are in memory; images stay where they come from, but for a cache.
package bots

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/profile"
)

// Max is how many bots may have a profile.
const Max = 10_000

// Bot is a bot with a profile, which nobody changes any more: there may be many, and who else
// needs it has the same one.
type Bot struct {
	*profile.Profile
	File string // that its avatar is in; empty: Options.Image knows it by its id
	Made bool   // by the API
	// Commands says that it has commands (XEP-0050), and so the features for them.
	Commands bool
	// Until is when its presence ends; zero: when another one is set.
	Until time.Time
}

// Options configure [Bots].
type Options struct {
	// Image reads the image of a bot's avatar. It may take a while.
	Image func(ctx context.Context, b *Bot) ([]byte, error)
	// Features are those that all addresses of a component have.
	Features []string
	// ForCommands are those of bots with commands besides.
	ForCommands []string
	Log         *zap.Logger // nil: nothing is logged
}

// Counters count since the start of the process.
type Counters struct {
	Answers atomic.Int64 // about bots, without errors
	Images  atomic.Int64 // of these, those with an image
	Read    atomic.Int64 // images that were not in the cache
	Failed  atomic.Int64 // of these, those that could not be read
	Refused atomic.Int64 // questions for images, because the share of their sender was used up
	Crowded atomic.Int64 // the same, because too many were being answered, of all or of its sender
}

// Bots are all bots with a profile.
type Bots struct {
	Counters Counters

	o       Options
	log     *zap.Logger
	repeats loglimit.Limiter
	mu      sync.RWMutex
	table   map[jid.JID]*known // guarded by mu
	// features are those of the bots with commands or without, and of those that read messages
	// or do not: one list for all.
	features map[[2]bool]*[]string
	images   *images
	shares   *shares
	places   *places
	only     atomic.Bool
}

// same reports whether two bots are alike.
func (b *Bot) same(other *Bot) bool {
	x, y := *b, *other
	x.Profile, y.Profile = nil, nil
	return x == y && *b.Profile == *other.Profile
}

// known is a bot with what is worked out once.
type known struct {
	Bot
	features     *[]string // those of many
	verification string
}

// New returns Bots without any.
func New(o Options) *Bots {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Bots{o: o, log: o.Log, images: newImages(), shares: newShares(), places: newPlaces(), table: make(map[jid.JID]*known), features: make(map[[2]bool]*[]string)}
}

// Change is a bot whose presence is not what it was.
type Change struct {
	Bot   jid.JID
	Event string // the avatar event for subscribers (XEP-0084); empty: the avatar is the same
}

// Set replaces the bots, and returns whose presence has changed. Set and SetOne are called by
// one at a time.
func (b *Bots) Set(all []Bot) []Change {
	next := make(map[jid.JID]*known, len(all))
	before := b.table // nobody else writes
	for i := range all {
		if k := before[all[i].JID]; k != nil && k.same(&all[i]) {
			next[k.JID] = k // as it was
			continue
		}
		next[all[i].JID] = b.know(&all[i])
	}
	b.mu.Lock()
	b.table = next
	b.mu.Unlock()
	var changes []Change
	for j, k := range next {
		changes = append(changes, changeOf(j, before[j], k)...)
	}
	for j, k := range before {
		if next[j] == nil {
			changes = append(changes, changeOf(j, k, nil)...)
		}
	}
	return changes
}

// SetOne is Set for one bot of many: it sets the profile of one, or removes it (nil).
func (b *Bots) SetOne(j jid.JID, one *Bot) []Change {
	var k *known
	if one != nil {
		k = b.know(one)
	}
	b.mu.Lock()
	before := b.table[j]
	if k == nil {
		delete(b.table, j)
	} else {
		b.table[j] = k
	}
	b.mu.Unlock()
	return changeOf(j, before, k)
}

// know works out what is known of a bot.
func (b *Bots) know(one *Bot) *known {
	k := &known{Bot: *one}
	kind := [2]bool{k.Commands, k.NoReply}
	if b.features[kind] == nil {
		others := b.o.Features
		if k.Commands {
			others = slices.Concat(others, b.o.ForCommands)
		}
		list := k.Features(others)
		b.features[kind] = &list
	}
	k.features = b.features[kind]
	k.verification = k.Verification(*k.features)
	return k
}

// changeOf returns the change of a bot; nothing if its presence is the same.
func changeOf(j jid.JID, before, now *known) []Change {
	c := Change{Bot: j}
	if before == now || !before.differs(now, &c) {
		return nil
	}
	return []Change{c}
}

// differs reports whether the presence of a bot is another one now, and completes the change.
// A bot without a profile is nil.
func (k *known) differs(now *known, c *Change) bool {
	if k.avatar() != now.avatar() {
		p := &profile.Profile{JID: c.Bot}
		if now != nil {
			p = now.Profile
		}
		c.Event = p.AvatarEvent()
	}
	return k.presence() != now.presence()
}

func (k *known) avatar() string {
	if k == nil || k.Avatar == nil {
		return ""
	}
	return k.Avatar.ID
}

func (k *known) presence() string {
	if k == nil {
		return ""
	}
	return k.PresenceXML(k.Profile.Presence, k.verification)
}

func (b *Bots) get(j jid.JID) *known {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.table[j.Bare()]
}

// Get returns a bot; nil if it has no profile.
func (b *Bots) Get(j jid.JID) *Bot {
	if k := b.get(j); k != nil {
		return &k.Bot
	}
	return nil
}

// All returns all bots by their addresses.
func (b *Bots) All() []*Bot {
	b.mu.RLock()
	all := make([]*Bot, 0, len(b.table))
	for _, k := range b.table {
		all = append(all, &k.Bot)
	}
	b.mu.RUnlock()
	slices.SortFunc(all, func(x, y *Bot) int { return strings.Compare(x.JID.String(), y.JID.String()) })
	return all
}

// Presence returns the content of a bot's available presence; nothing for one without a
// profile.
func (b *Bots) Presence(bot jid.JID) string {
	return b.get(bot).presence()
}

// Cached returns the bytes of the images in the cache.
func (b *Bots) Cached() int64 { return b.images.size() }
