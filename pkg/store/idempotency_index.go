package store

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// requestShare is the part of the requests' bytes that one caller may take.
	requestShare = 4
	// answeredHeader marks a request that has its answer, so that the index can be
	// made without reading answers.
	answeredHeader = "A"
	// toldEvery is how often it is logged that keys go early.
	toldEvery = time.Hour
)

// requestIndex knows of each caller which requests are kept, and in which order they
// were answered: 24 bytes for each. It bounds what one caller takes: over his share,
// and where all together are over the bound, answered requests go before their time,
// the oldest first. Those without an answer stay, as what is forgotten of them would
// be sent twice.
//
// It is made from the stream after a start. Killed: nothing is lost with it.
type requestIndex struct {
	most int64 // bytes of all

	mu      sync.Mutex
	made    bool
	bytes   int64
	callers map[string]*callerRequests // by the token of the subject
}

type callerRequests struct {
	bytes    int64
	answered []keptRequest          // the oldest first
	open     map[string]keptRequest // without an answer, by subject
	early    int64                  // that went before their time
	told     time.Time
}

type keptRequest struct {
	seq  uint64
	size uint32
	at   uint32 // seconds since 1970
}

// subjectName writes a caller's name as a part of a subject.
var subjectName = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// maxSubjectName is the longest name that is written out; longer ones are hashed.
const maxSubjectName = 64

func callerToken(name string) string {
	switch {
	case name == "":
		return "0"
	case len(name) > maxSubjectName:
		return "1" + Conversation(name, "")
	}
	return subjectName.EncodeToString([]byte(name))
}

func callerName(token string) string {
	if name, err := subjectName.DecodeString(token); err == nil {
		return string(name)
	}
	return token
}

func callerOf(subject string) string {
	token, _, _ := strings.Cut(strings.TrimPrefix(subject, requestPrefix), ".")
	return token
}

// make reads what is stored. x.mu is held.
func (x *requestIndex) make(ctx context.Context, stream jetstream.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	x.bytes, x.callers = 0, make(map[string]*callerRequests)
	if info.State.Msgs == 0 {
		x.made = true
		return nil
	}
	all, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	for pending := uint64(1); pending > 0; {
		batch, err := all.Fetch(1000, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return fmt.Errorf("read the requests: %w", err)
		}
		n := 0
		for m := range batch.Messages() {
			n++
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("read the requests: %w", err)
			}
			size, _ := strconv.Atoi(m.Headers().Get(nats.MsgSize))
			answered := m.Headers().Get(answeredHeader) != ""
			k := keptRequest{meta.Sequence.Stream, requestSize(m.Subject(), size, answered), uint32(meta.Timestamp.Unix())}
			x.add(m.Subject(), k, answered)
			pending = meta.NumPending
		}
		if n == 0 || ctx.Err() != nil {
			return fmt.Errorf("read the requests: %w", errors.Join(batch.Error(), ctx.Err()))
		}
	}
	x.made = true
	return nil
}

// requestSize is what a record takes in the file.
func requestSize(subject string, data int, answered bool) uint32 {
	size := 30 + len(subject) + data
	if answered {
		size += 4 + len("NATS/1.0\r\n"+answeredHeader+": 1\r\n\r\n")
	}
	return uint32(size)
}

func (x *requestIndex) of(subject string) *callerRequests {
	token := callerOf(subject)
	c := x.callers[token]
	if c == nil {
		c = &callerRequests{open: make(map[string]keptRequest)}
		x.callers[token] = c
	}
	return c
}

// add notes a record that takes the place of the one before of its subject.
func (x *requestIndex) add(subject string, k keptRequest, answered bool) {
	c := x.of(subject)
	if before, ok := c.open[subject]; ok {
		x.count(c, -int64(before.size))
		delete(c.open, subject)
	}
	x.count(c, int64(k.size))
	if answered {
		c.answered = append(c.answered, k)
	} else {
		c.open[subject] = k
	}
}

func (x *requestIndex) count(c *callerRequests, bytes int64) {
	c.bytes += bytes
	x.bytes += bytes
}

// expire forgets what the stream has let go of by its age.
func (x *requestIndex) expire(c *callerRequests, now time.Time) {
	over := uint32(now.Add(-requestKeep).Unix())
	for len(c.answered) > 0 && c.answered[0].at < over {
		x.count(c, -int64(c.answered[0].size))
		c.answered = c.answered[1:]
	}
	if c.bytes < x.most/requestShare/2 {
		return // what has no answer is seldom much
	}
	for subject, k := range c.open {
		if k.at < over {
			x.count(c, -int64(k.size))
			delete(c.open, subject)
		}
	}
}

// largest is the caller with the most bytes that has answered requests.
func (x *requestIndex) largest(now time.Time) *callerRequests {
	var most *callerRequests
	for _, c := range x.callers {
		x.expire(c, now)
		if len(c.answered) > 0 && (most == nil || c.bytes > most.bytes) {
			most = c
		}
	}
	return most
}

// makeRoom makes room for a record, by removing answered ones: of the caller's over his
// share, of the one with the most where all is full. s.requestIndex.mu is held.
//
// Errors: ErrFull.
func (s *Store) makeRoom(ctx context.Context, subject string, size uint32) error {
	x := &s.requestIndex
	own, now := x.of(subject), time.Now()
	x.expire(own, now)
	for {
		from := own
		switch {
		case own.bytes+int64(size) > x.most/requestShare:
			if len(own.answered) == 0 {
				return fmt.Errorf("%w: this caller has a quarter of the room for Idempotency-Keys, and none of his requests has its answer yet", ErrFull)
			}
		case x.bytes+int64(size) > x.most:
			if from = x.largest(now); from == nil {
				return fmt.Errorf("%w: there is no more room for Idempotency-Keys", ErrFull)
			}
		default:
			return nil
		}
		k := from.answered[0]
		if err := s.eng.Load().requests.DeleteMsg(ctx, k.seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !isDeleted(err) {
			return fmt.Errorf("remove a request: %w", err)
		}
		from.answered = from.answered[1:]
		x.count(from, -int64(k.size))
		from.early++
		s.tellEarly(from, now)
	}
}

// isDeleted reports whether a record was gone already.
func isDeleted(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeMessageNotFound || api.ErrorCode == 10057) // its sequence is gone
}

// tellEarly logs once an hour that answered keys of a caller go before their time.
func (s *Store) tellEarly(c *callerRequests, now time.Time) {
	if now.Sub(c.told) < toldEvery {
		return
	}
	c.told = now
	for token, other := range s.requestIndex.callers {
		if other == c {
			s.log.Warn("Idempotency-Keys of a token are forgotten before their 24 hours, as it uses too many: a request that is repeated later than that is sent again",
				zap.String("token", callerName(token)), zap.Int("keys", len(c.answered)+len(c.open)), zap.Int64("forgotten", c.early))
		}
	}
}

// crowded reports whether something would have to go for a record.
func (s *Store) crowded(subject string, size uint32) bool {
	x := &s.requestIndex
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.made && (x.of(subject).bytes+int64(size) > x.most/requestShare || x.bytes+int64(size) > x.most)
}

// RequestCount is how many requests of a caller are known by their keys.
type RequestCount struct {
	Caller string
	Keys   int
	Early  int64 // that were forgotten before their time
}

// Requests returns the counts of all callers, in the order of their names.
func (s *Store) Requests(ctx context.Context) ([]RequestCount, error) {
	x := &s.requestIndex
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.made {
		if err := x.make(ctx, s.eng.Load().requests); err != nil {
			return nil, err
		}
	}
	var all []RequestCount
	for token, c := range x.callers {
		x.expire(c, time.Now())
		all = append(all, RequestCount{callerName(token), len(c.answered) + len(c.open), c.early})
	}
	slices.SortFunc(all, func(a, b RequestCount) int { return strings.Compare(a.Caller, b.Caller) })
	return all, nil
}
