package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

const (
	// replicasSubject is what replicas say to each other, without a stream.
	replicasSubject = "replicas"
	// activeSubject is the record of the active one.
	activeSubject = "$KV.states.replicas.active"
	keySubject    = "$KV.states.replicas.key"
	proofSubject  = "$KV.states.replicas.proof"
	sayingTime    = time.Second
	maxRecord     = 64 << 10
)

// Board is where the replicas of an installation on NATS meet: it implements replica.Board.
// It has a connection of its own, on which nothing waits behind stanzas.
type Board struct {
	srv *stream.Server
	st  *stream.Stream
}

// OpenBoard opens the board, and calls heard with all that replicas say. Errors say what is
// wrong; it may be tried again.
func OpenBoard(ctx context.Context, n NATS, maxBytes int64, log *zap.Logger, heard func(data []byte)) (*Board, error) {
	srv, err := stream.ConnectBoard(n.remote(nil), stream.Options{MaxBytes: maxBytes, MaxRecordBytes: maxRecord, Log: log.Named("replica")})
	if err != nil {
		return nil, fmt.Errorf("store.nats: %w", err)
	}
	b := &Board{srv, srv.Stream(statesConfig(&Options{MaxBytes: maxBytes}))}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err = b.st.Make(ctx); err == nil {
		err = srv.Hear(replicasSubject, heard)
	}
	if err != nil {
		srv.Stop()
		return nil, fmt.Errorf("store.nats: %w", err)
	}
	return b, nil
}

// Say says something to all replicas. It may be lost.
func (b *Board) Say(data []byte) error { return b.srv.Say(replicasSubject, data) }

// Record returns the record of the active replica and its revision; 0: there is none.
func (b *Board) Record(ctx context.Context) (data []byte, revision uint64, err error) {
	r, err := b.st.Last(ctx, activeSubject)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, 0, nil
	}
	return r.Data, r.Seq, err
}

// Prove writes something that more than half of the servers have to take.
//
// Killed before it returns: it is written or not; nobody reads it.
func (b *Board) Prove(ctx context.Context) error {
	_, err := b.st.Put(ctx, &stream.Message{Subject: proofSubject})
	return err
}

// Replace replaces the record of a revision. Errors: gateway.ErrChanged; others: it may be
// replaced or not.
//
// Killed before it returns: it is replaced or not.
func (b *Board) Replace(ctx context.Context, data []byte, revision uint64) (uint64, error) {
	return b.st.Replace(ctx, &stream.Message{Subject: activeSubject, Data: data}, revision)
}

// Key returns a key that all replicas have in common, and nobody else; the first one that asks makes
// it, of size bytes.
//
// Killed before it returns: there is a key or not.
func (b *Board) Key(ctx context.Context, size int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		r, err := b.st.Last(ctx, keySubject)
		if err == nil && len(r.Data) != size {
			err = fmt.Errorf("%s has %d bytes, not %d", keySubject, len(r.Data), size)
		}
		if err == nil {
			return r.Data, nil
		}
		if errors.Is(err, gateway.ErrNotFound) {
			key := make([]byte, size)
			_, _ = rand.Read(key) // never fails
			if _, err = b.st.Replace(ctx, &stream.Message{Subject: keySubject, Data: key}, 0); err == nil {
				return key, nil
			}
		}
		if !errors.Is(err, gateway.ErrChanged) { // another one was faster
			return nil, fmt.Errorf("store.nats: the key of the replicas: %w", err)
		}
	}
}

// Reconnect makes another connection, to another server if there are several.
func (b *Board) Reconnect() { b.srv.Reconnect() }

// Close closes the connection when all that was said is sent.
func (b *Board) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), sayingTime)
	defer cancel()
	_ = b.srv.Flush(ctx) // it may be lost
	b.srv.Stop()
}
