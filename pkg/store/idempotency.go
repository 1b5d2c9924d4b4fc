package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// idempotencyKeep is how long a request is known by its key.
const idempotencyKeep = 24 * time.Hour

// IdempotentRequest is a request of an HTTP caller with a key, stored so that the caller
// can repeat it.
type IdempotentRequest struct {
	Hash   string `json:"hash"` // of the request
	ID     string `json:"id"`   // of the stanza
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"` // media type of the answer
	Answer []byte `json:"answer,omitempty"`
}

// Answered reports whether the request has been answered.
func (r *IdempotentRequest) Answered() bool { return r.Status != 0 }

func idempotencyConfig(o *Options) bucketConfig {
	// A bound of the stream replaces none by newer ones: a key that is forgotten early
	// would be a message sent twice. See IdempotencyKeys for what goes when a caller has
	// too many.
	return bucketConfig{Config: stream.Config{
		Name: "REQ", About: "requests with an Idempotency-Key", Subjects: "req.*.*", MaxAge: idempotencyKeep, MaxBytes: idempotencyBytes(o), RefuseNew: true,
	}, what: "a request with an Idempotency-Key"}
}

// idempotencyKey returns the key of the bucket for a caller's key, which begins with the
// caller's name and a NUL.
func idempotencyKey(key string) string {
	caller, _, _ := strings.Cut(key, "\x00")
	sum := sha256.Sum256([]byte(key))
	return callerToken(caller) + "." + token.EncodeToString(sum[:])
}

// Begin stores a request under a new key, and returns when it is on disk. If the key is
// known, it returns the stored request instead, and created is false.
//
// Killed before it returns: the request may be stored; a repetition then gets the stored
// stanza id.
//
// Errors: gateway.ErrFull.
func (k *IdempotencyKeys) Begin(ctx context.Context, key string, r IdempotentRequest) (stored IdempotentRequest, created bool, err error) {
	at := idempotencyKey(key)
	if k.crowded(at, uint32(len(r.ID)+len(r.Hash))+200) { // a known key must not be evicted for itself
		if revision, err := k.getJSON(ctx, at, &stored); err != nil || revision > 0 {
			return stored, false, err
		}
	}
	for range 3 { // the stored request may expire in between
		err = k.put(ctx, at, r, func(ctx context.Context, m *stream.Message) (uint64, error) { return k.st.Replace(ctx, m, 0) })
		if !errors.Is(err, gateway.ErrChanged) {
			return r, err == nil, err
		}
		if revision, err := k.getJSON(ctx, at, &stored); err != nil || revision > 0 {
			return stored, false, err
		}
	}
	return IdempotentRequest{}, false, err
}

// End stores the answer of a request. Its 24 hours begin anew.
//
// Killed before it returns: the request is known without its answer, and is executed
// again with the same stanza id. Errors: gateway.ErrFull.
func (k *IdempotencyKeys) End(ctx context.Context, key string, r IdempotentRequest) error {
	return k.put(ctx, idempotencyKey(key), r, k.st.Put)
}

// put stores a record if there is room for it.
func (k *IdempotencyKeys) put(ctx context.Context, key string, r IdempotentRequest, put func(context.Context, *stream.Message) (uint64, error)) error {
	m := stream.Message{Subject: k.prefix + key}
	var err error
	if m.Data, err = json.Marshal(r); err != nil {
		return err
	}
	if r.Answered() {
		m.Header = stream.Header{answeredHeader: {"1"}}
	}
	size := requestSize(m.Subject, len(m.Data), r.Answered())
	if err := k.reserve(ctx, key, size); err != nil {
		return fmt.Errorf("store %s: %w", k.what, err)
	}
	seq, err := k.store(ctx, &m, put)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count(k.of(key), -int64(size)) // it was reserved
	if err == nil {
		k.add(key, keptRequest{seq, size, uint32(time.Now().Unix())}, r.Answered())
	}
	return err
}

// reserve counts a record before it is stored.
func (k *IdempotencyKeys) reserve(ctx context.Context, key string, size uint32) error {
	if err := k.refuses(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := k.makeRoom(ctx, key, size); err != nil {
		return err
	}
	k.count(k.of(key), int64(size))
	return nil
}
