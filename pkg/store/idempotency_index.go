package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

const (
	// requestShare is the part of the requests' bytes that one caller may take.
	requestShare = 4
	// answeredHeader marks a request that has its answer, so that the index can be
	// made without reading answers.
	answeredHeader = "A"
	// earlyEvery is how often it is logged that keys of a caller are removed early.
	earlyEvery = time.Hour
)

// IdempotencyKeys are the requests with a key, and an index of them: the stored requests
// of each caller in the order of their answers, 24 bytes each. The index bounds the room
// of one caller and of all: over a bound, answered requests are removed early, the oldest
// first. Requests without an answer stay, since they would be sent twice; but for those that an
// earlier process has left, if there is nothing else: after a kill NATS has again what the answers
// that were removed had replaced, and these would fill the share for a day.
//
// The index is made from the stream after a start; a kill loses nothing.
type IdempotencyKeys struct {
	bucket
	most int64 // bytes of all

	mu      sync.Mutex
	loaded  bool
	bytes   int64
	callers map[string]*callerRequests // by the token of the key
}

type callerRequests struct {
	bytes    int64
	answered []keptRequest          // the oldest first
	open     map[string]keptRequest // without an answer, by key
	left     []leftRequest          // of these, those of earlier processes, the oldest first
	early    int64                  // that were removed early
	logged   time.Time              // when that was logged last
}

type keptRequest struct {
	seq  uint64
	size uint32
	at   uint32 // seconds since 1970
}

// leftRequest is a request without an answer that an earlier process has left.
type leftRequest struct {
	key string
	keptRequest
}

// removable returns what is removed first, and its key if it has no answer.
func (c *callerRequests) removable() (oldest keptRequest, key string, ok bool) {
	if len(c.answered) > 0 {
		return c.answered[0], "", true
	}
	for len(c.left) > 0 && c.open[c.left[0].key].seq != c.left[0].seq { // it has its answer, or is over
		c.left = c.left[1:]
	}
	if len(c.left) == 0 {
		return keptRequest{}, "", false
	}
	return c.left[0].keptRequest, c.left[0].key, true
}

// maxCallerName is the longest name that is written out; longer ones are hashed.
const maxCallerName = 64

func callerToken(name string) string {
	switch {
	case name == "":
		return "0"
	case len(name) > maxCallerName:
		return "1" + Conversation(name, "")
	}
	return readable(name)
}

func callerName(written string) string {
	if name, err := token.DecodeString(written); err == nil {
		return string(name)
	}
	return written
}

// load makes the index, once. k.mu is held.
func (k *IdempotencyKeys) load(ctx context.Context) error {
	if k.loaded {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	k.bytes, k.callers = 0, make(map[string]*callerRequests)
	err := k.st.Each(ctx, "", true, func(r *stream.Record, at time.Time, size int) error {
		answered := r.Header.Get(answeredHeader) != ""
		k.add(strings.TrimPrefix(r.Subject, k.prefix), keptRequest{r.Seq, requestSize(r.Subject, size, answered), uint32(at.Unix())}, answered)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	for _, c := range k.callers {
		for key, r := range c.open {
			c.left = append(c.left, leftRequest{key, r})
		}
		slices.SortFunc(c.left, func(a, b leftRequest) int { return cmp.Compare(a.seq, b.seq) })
	}
	k.loaded = true
	return nil
}

// requestSize is the size of a record in the file.
func requestSize(subject string, data int, answered bool) uint32 {
	size := 30 + len(subject) + data
	if answered {
		size += 4 + len("NATS/1.0\r\n"+answeredHeader+": 1\r\n\r\n")
	}
	return uint32(size)
}

func (k *IdempotencyKeys) of(key string) *callerRequests {
	caller, _, _ := strings.Cut(key, ".")
	c := k.callers[caller]
	if c == nil {
		c = &callerRequests{open: make(map[string]keptRequest)}
		k.callers[caller] = c
	}
	return c
}

// add notes a record, which replaces an older one of its key.
func (k *IdempotencyKeys) add(key string, r keptRequest, answered bool) {
	c := k.of(key)
	if before, ok := c.open[key]; ok {
		k.count(c, -int64(before.size))
		delete(c.open, key)
	}
	k.count(c, int64(r.size))
	if answered {
		c.answered = append(c.answered, r)
	} else {
		c.open[key] = r
	}
}

func (k *IdempotencyKeys) count(c *callerRequests, bytes int64) {
	c.bytes += bytes
	k.bytes += bytes
}

// expire forgets records that the stream has removed because of their age.
func (k *IdempotencyKeys) expire(c *callerRequests, now time.Time) {
	over := uint32(now.Add(-idempotencyKeep).Unix())
	for len(c.answered) > 0 && c.answered[0].at < over {
		k.count(c, -int64(c.answered[0].size))
		c.answered = c.answered[1:]
	}
	if c.bytes < k.most/requestShare/2 {
		return // requests without an answer are few
	}
	for key, r := range c.open {
		if r.at < over {
			k.count(c, -int64(r.size))
			delete(c.open, key)
		}
	}
}

// largest is the caller with the most bytes that has requests to remove.
func (k *IdempotencyKeys) largest(now time.Time) *callerRequests {
	var most *callerRequests
	for _, c := range k.callers {
		k.expire(c, now)
		if _, _, ok := c.removable(); ok && (most == nil || c.bytes > most.bytes) {
			most = c
		}
	}
	return most
}

// makeRoom makes room for a record by removing answered ones: of the caller if it exceeds
// its share, of the caller with the most if all exceed the bound. k.mu is held.
//
// Killed at any point: some of them are removed. Errors: gateway.ErrFull.
func (k *IdempotencyKeys) makeRoom(ctx context.Context, key string, size uint32) error {
	own, now := k.of(key), time.Now()
	k.expire(own, now)
	for {
		from := own
		switch {
		case own.bytes+int64(size) > k.most/requestShare:
			if _, _, ok := own.removable(); !ok {
				return fmt.Errorf("%w: this caller uses a quarter of the room for Idempotency-Keys, and none of its requests is answered yet", gateway.ErrFull)
			}
		case k.bytes+int64(size) > k.most:
			if from = k.largest(now); from == nil {
				return fmt.Errorf("%w: no more room for Idempotency-Keys", gateway.ErrFull)
			}
		default:
			return nil
		}
		oldest, left, _ := from.removable()
		if err := k.st.Delete(ctx, oldest.seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return fmt.Errorf("remove a request: %w", err)
		}
		if left != "" {
			delete(from.open, left)
		} else {
			from.answered = from.answered[1:]
		}
		k.count(from, -int64(oldest.size))
		from.early++
		k.logEarly(from, now)
	}
}

// logEarly logs once an hour that answered keys of a caller are removed early.
func (k *IdempotencyKeys) logEarly(c *callerRequests, now time.Time) {
	if now.Sub(c.logged) < earlyEvery {
		return
	}
	c.logged = now
	for caller, other := range k.callers {
		if other == c {
			k.log.Warn("Idempotency-Keys forgotten early", zap.String("token", callerName(caller)), zap.Int("keys", len(c.answered)+len(c.open)), zap.Int64("forgotten", c.early),
				zap.String("hint", "the token uses too many keys within 24 hours; a request that is repeated after its key is forgotten is sent again"))
		}
	}
}

// crowded reports whether another record would have to be removed for a new one.
func (k *IdempotencyKeys) crowded(key string, size uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.loaded && (k.of(key).bytes+int64(size) > k.most/requestShare || k.bytes+int64(size) > k.most)
}

// KeyCount is how many keys of a caller are known.
type KeyCount struct {
	Caller string
	Keys   int
	Early  int64 // that were forgotten before their 24 hours
}

// Counts returns the counts of all callers, in the order of their names.
func (k *IdempotencyKeys) Counts(ctx context.Context) ([]KeyCount, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	var all []KeyCount
	for caller, c := range k.callers {
		k.expire(c, time.Now())
		all = append(all, KeyCount{callerName(caller), len(c.answered) + len(c.open), c.early})
	}
	slices.SortFunc(all, func(a, b KeyCount) int { return strings.Compare(a.Caller, b.Caller) })
	return all, nil
}
