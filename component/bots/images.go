package bots

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"stanzahook/pkg/jid"
)

// errChanged means that an image is another one than when its bot was set.
var errChanged = errors.New("the file of the avatar was changed; reload the configuration")

// cacheBytes bounds the cache of images, by their bytes. The process may need twice as much for
// it: what is collected as garbage is that later.
const cacheBytes = 8 << 20

// images is a cache of images by their ids; the ones not asked for longest go first. Bots
// with the same image share it.
type images struct {
	mu    sync.Mutex
	all   *simplelru.LRU[string, []byte]
	bytes int64
}

func newImages() *images {
	c := &images{}
	c.all, _ = simplelru.NewLRU(cacheBytes, func(_ string, image []byte) { c.bytes -= int64(len(image)) }) // fails for a bound below 1
	return c
}

func (c *images) get(id string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.Get(id)
}

func (c *images) add(id string, image []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all.Contains(id) {
		return // asked for by two at a time
	}
	c.all.Add(id, image)
	for c.bytes += int64(len(image)); c.bytes > cacheBytes; {
		c.all.RemoveOldest()
	}
}

func (c *images) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// A question for an image is small, and its answer is large. So everybody gets images at
// these rates, in bytes and bytes a second; a stranger's server counts as one, and all
// strangers together as another. A client asks for each image once, and keeps it.
const (
	shareBurst, sharePace       = 16 << 20, 512 << 10
	strangersBurst, strangePace = 64 << 20, 4 << 20
	// maxShares bounds the table; who is not in it any more begins anew.
	maxShares = 4096
)

// shares is how much everybody has been sent.
type shares struct {
	mu        sync.Mutex
	all       *simplelru.LRU[string, *rate.Limiter]
	strangers *rate.Limiter
}

func newShares() *shares {
	all, _ := simplelru.NewLRU[string, *rate.Limiter](maxShares, nil) // fails for a bound below 1
	return &shares{all: all, strangers: rate.NewLimiter(strangePace, strangersBurst)}
}

// take reports whether somebody may have so many bytes more.
func (s *shares) take(from, bot jid.JID, n int) bool {
	key, stranger := askerOf(from, bot)
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all.Get(key)
	if !ok {
		one = rate.NewLimiter(sharePace, shareBurst)
		s.all.Add(strings.Clone(key), one) // it may be a part of a large stanza
	}
	now := time.Now()
	if !one.AllowN(now, n) {
		return false
	}
	return !stranger || s.strangers.AllowN(now, n)
}

// askerOf returns whose share counts, and whether that is a stranger's.
func askerOf(from, bot jid.JID) (key string, stranger bool) {
	return from.Party(bot), !from.Beside(bot)
}

// maxPlaces bounds the answers with an image that are being made: some 300 KiB each. Everybody
// may have a quarter of them, and all strangers together half: an image may take a while to be
// read.
const maxPlaces = 16

// places are those of answers that are being made.
type places struct {
	mu              sync.Mutex
	used, strangers int
	held            map[string]int // by asker, without those that have none
}

func newPlaces() *places { return &places{held: make(map[string]int)} }

// take takes a place, if there is one for an asker; release gives it back.
func (p *places) take(from, bot jid.JID) (release func(), ok bool) {
	key, stranger := askerOf(from, bot)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used >= maxPlaces || p.held[key] >= maxPlaces/4 || stranger && p.strangers >= maxPlaces/2 {
		return nil, false
	}
	key = strings.Clone(key) // it may be a part of a large stanza
	p.add(key, stranger, 1)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.add(key, stranger, -1)
	}, true
}

func (p *places) add(key string, stranger bool, n int) {
	p.used += n
	if stranger {
		p.strangers += n
	}
	if p.held[key] += n; p.held[key] == 0 {
		delete(p.held, key)
	}
}
