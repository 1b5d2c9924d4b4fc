package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	requestStream = "REQ"
	requestPrefix = "req."
	// requestKeep is how long a request is known by its key.
	requestKeep = 24 * time.Hour
)

// Request is what is kept of a request that an HTTP caller has given a key, so
// that he can repeat it.
type Request struct {
	Hash   string `json:"hash"` // of what was asked
	ID     string `json:"id"`   // of the stanza
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"` // media type of the answer
	Answer []byte `json:"answer,omitempty"`
}

// Answered reports whether the request has been answered.
func (r *Request) Answered() bool { return r.Status != 0 }

// requestBytes is the share of the store that requests may take.
func requestBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/32) }

// openRequests opens the requests. The stream replaces none by newer ones: a key
// that is forgotten early would be a message sent twice. See requestIndex for what
// goes when a caller has too many.
func (e *engine) openRequests(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              requestStream,
		Description:       "requests with an Idempotency-Key",
		Subjects:          []string{requestPrefix + "*.*"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxAge:            requestKeep,
		MaxBytes:          requestBytes(o),
		MaxMsgsPerSubject: 1,
		Duplicates:        time.Second, // not used
		AllowDirect:       true,
	})
	if err != nil {
		return fmt.Errorf("open the requests: %w", err)
	}
	e.requests = stream
	return nil
}

// requestSubject has the caller, which is what is before the first NUL of a key, and
// the key; they may have any characters.
func requestSubject(key string) string {
	caller, _, _ := strings.Cut(key, "\x00")
	sum := sha256.Sum256([]byte(key))
	return requestPrefix + callerToken(caller) + "." + subjectName.EncodeToString(sum[:])
}

// BeginRequest stores a request under a key that is new, and returns when it is
// on disk. If the key is known, what is stored under it is returned instead, and
// created is false.
//
// Killed before it returns: the request may be stored; who repeats it gets the
// stanza id that was stored.
//
// Errors: ErrFull.
func (s *Store) BeginRequest(ctx context.Context, key string, r Request) (stored Request, created bool, err error) {
	if s.crowded(requestSubject(key), uint32(len(r.ID)+len(r.Hash))+200) { // what is known must not go for itself
		if stored, err = s.readRequest(ctx, key); !errors.Is(err, jetstream.ErrMsgNotFound) {
			return stored, false, err
		}
	}
	for range 3 { // what is there may expire in between
		err = s.putRequest(ctx, key, r, jetstream.WithExpectLastSequencePerSubject(0))
		if err == nil {
			return r, true, nil
		}
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
			return Request{}, false, fmt.Errorf("store a request: %w", err)
		}
		stored, err = s.readRequest(ctx, key)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		return stored, false, err
	}
	return Request{}, false, fmt.Errorf("store a request: %w", err)
}

func (s *Store) readRequest(ctx context.Context, key string) (r Request, err error) {
	m, err := s.eng.Load().requests.GetLastMsgForSubject(ctx, requestSubject(key))
	if err == nil {
		err = json.Unmarshal(m.Data, &r)
	}
	if err != nil {
		return Request{}, fmt.Errorf("read a request: %w", err)
	}
	return r, nil
}

// EndRequest stores the answer of a request that was begun. Its 24 hours begin
// anew.
//
// Killed before it returns: the request is known without its answer, and is
// done again with the same stanza id. Errors: ErrFull.
func (s *Store) EndRequest(ctx context.Context, key string, r Request) error {
	if err := s.putRequest(ctx, key, r); err != nil {
		return fmt.Errorf("store the answer of a request: %w", err)
	}
	return nil
}

// putRequest stores a record, when there is room for it.
func (s *Store) putRequest(ctx context.Context, key string, r Request, opts ...jetstream.PublishOpt) error {
	m := nats.NewMsg(requestSubject(key))
	var err error
	if m.Data, err = json.Marshal(r); err != nil {
		return err
	}
	if r.Answered() {
		m.Header.Set(answeredHeader, "1")
	}
	size := requestSize(m.Subject, len(m.Data), r.Answered())
	if err := s.reserve(ctx, m.Subject, size); err != nil {
		return err
	}
	ack, err := s.publishAck(ctx, m, requestStream, opts...)
	x := &s.requestIndex
	x.mu.Lock()
	defer x.mu.Unlock()
	x.count(x.of(m.Subject), -int64(size)) // it was reserved
	if err == nil {
		x.add(m.Subject, keptRequest{ack.Sequence, size, uint32(time.Now().Unix())}, r.Answered())
	}
	return err
}

// reserve counts a record before it is stored.
func (s *Store) reserve(ctx context.Context, subject string, size uint32) error {
	if err := s.refuses(); err != nil {
		return err
	}
	x := &s.requestIndex
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.made {
		if err := x.make(context.WithoutCancel(ctx), s.eng.Load().requests); err != nil {
			return err
		}
	}
	if err := s.makeRoom(ctx, subject, size); err != nil {
		return err
	}
	x.count(x.of(subject), int64(size))
	return nil
}

// publishOne publishes and waits. The caller's going does not end it: a publish
// without an answer counts as a broken disk.
func (s *Store) publishOne(ctx context.Context, m *nats.Msg, stream string, opts ...jetstream.PublishOpt) error {
	_, err := s.publishAck(ctx, m, stream, opts...)
	return err
}

// publishAck is publishOne with the answer.
func (s *Store) publishAck(ctx context.Context, m *nats.Msg, stream string, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if err := s.refuses(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	e := s.eng.Load()
	ack, err := e.js.PublishMsg(ctx, m, append(opts, jetstream.WithExpectStream(stream))...)
	if err == nil {
		return ack, nil
	}
	if int64(len(m.Data)) > e.nc.MaxPayload()-recordOverhead || errors.Is(err, nats.ErrMaxPayload) {
		return nil, fmt.Errorf("%w: %d bytes are too many for one record", ErrFull, len(m.Data))
	}
	return nil, e.failure(err)
}
