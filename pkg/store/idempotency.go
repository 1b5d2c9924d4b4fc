package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// openRequests opens the requests. They are not replaced by newer ones: a key
// that is forgotten early would be a message sent twice.
func (e *engine) openRequests(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              requestStream,
		Description:       "requests with an Idempotency-Key",
		Subjects:          []string{requestPrefix + "*"},
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

// requestSubject is a key as part of a subject; a key may have any characters.
func requestSubject(key string) string {
	sum := sha256.Sum256([]byte(key))
	return requestPrefix + hex.EncodeToString(sum[:])
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
	for range 3 { // what is there may expire in between
		err = s.putRequest(ctx, key, r, jetstream.WithExpectLastSequencePerSubject(0))
		if err == nil {
			return r, true, nil
		}
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
			return Request{}, false, fmt.Errorf("store a request: %w", err)
		}
		m, err := s.eng.Load().requests.GetLastMsgForSubject(ctx, requestSubject(key))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(m.Data, &stored)
		}
		if err != nil {
			return Request{}, false, fmt.Errorf("read a request: %w", err)
		}
		return stored, false, nil
	}
	return Request{}, false, fmt.Errorf("store a request: %w", err)
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

func (s *Store) putRequest(ctx context.Context, key string, r Request, opts ...jetstream.PublishOpt) error {
	m := nats.NewMsg(requestSubject(key))
	var err error
	if m.Data, err = json.Marshal(r); err != nil {
		return err
	}
	return s.publishOne(ctx, m, requestStream, opts...)
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
