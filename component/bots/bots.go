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
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/profile"
)

// Max is how many bots may have a profile.
const Max = 10_000

// Bot is a bot with a profile.
type Bot struct {
	profile.Profile
	File string // that its avatar is in; empty: Options.Image knows it by its id
	Made bool   // by the API
	// Until is when its presence ends; zero: when another one is set.
	Until time.Time
}

// Options configure [Bots].
type Options struct {
	// Image reads the image of a bot's avatar. It may take a while.
	Image func(ctx context.Context, b *Bot) ([]byte, error)
	// Features are those that all addresses of a component have.
	Features []string
	Log      *zap.Logger // nil: nothing is logged
}

// Counters count since the start of the process.
type Counters struct {
	Answers atomic.Int64 // about bots, without errors
	Images  atomic.Int64 // of these, those with an image
	Read    atomic.Int64 // images that were not in the cache
	Failed  atomic.Int64 // of these, those that could not be read
	Refused atomic.Int64 // questions for images, because the share of their sender was used up
	Crowded atomic.Int64 // the same, because too many were being answered
}

// Bots are all bots with a profile.
type Bots struct {
	Counters Counters

	o       Options
	log     *zap.Logger
	repeats loglimit.Limiter
	table   atomic.Pointer[map[jid.JID]*known]
	images  *images
	shares  *shares
	places  chan struct{}
	only    atomic.Bool
}

// known is a bot with what is worked out once.
type known struct {
	Bot
	features     []string
	verification string
}

// New returns Bots without any.
func New(o Options) *Bots {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	b := &Bots{o: o, log: o.Log, images: newImages(), shares: newShares(), places: make(chan struct{}, maxPlaces)}
	b.table.Store(&map[jid.JID]*known{})
	return b
}

// Change is a bot whose presence is not what it was.
type Change struct {
	Bot   jid.JID
	Event string // the avatar event for subscribers (XEP-0084); empty: the avatar is the same
}

// Set replaces the bots, and returns whose presence has changed. It is called by one at a time.
func (b *Bots) Set(all []Bot) []Change {
	next := make(map[jid.JID]*known, len(all))
	shared := make(map[string][]string) // the same list once, not for every bot
	before := *b.table.Load()
	for i := range all {
		if k := before[all[i].JID]; k != nil && k.Bot == all[i] {
			next[k.JID] = k // as it was
			continue
		}
		k := &known{Bot: all[i]}
		features := k.Features(b.o.Features)
		key := strings.Join(features, " ")
		if shared[key] == nil {
			shared[key] = features
		}
		k.features = shared[key]
		k.verification = k.Verification(k.features)
		next[k.JID] = k
	}
	b.table.Store(&next)
	var changes []Change
	for j, k := range next {
		if c := (Change{Bot: j}); before[j] != k && before[j].differs(k, &c) {
			changes = append(changes, c)
		}
	}
	for j, k := range before {
		if c := (Change{Bot: j}); next[j] == nil && k.differs(nil, &c) {
			changes = append(changes, c)
		}
	}
	return changes
}

// differs reports whether the presence of a bot is another one now, and completes the change.
// A bot without a profile is nil.
func (k *known) differs(now *known, c *Change) bool {
	if k.avatar() != now.avatar() {
		p := profile.Profile{JID: c.Bot}
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

func (b *Bots) get(j jid.JID) *known { return (*b.table.Load())[j.Bare()] }

// Get returns a bot; nil if it has no profile.
func (b *Bots) Get(j jid.JID) *Bot {
	if k := b.get(j); k != nil {
		return &k.Bot
	}
	return nil
}

// All returns all bots by their addresses.
func (b *Bots) All() []*Bot {
	table := *b.table.Load()
	all := make([]*Bot, 0, len(table))
	for _, k := range table {
		all = append(all, &k.Bot)
	}
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
