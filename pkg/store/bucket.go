package store

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// bucket has the latest record of each key: a stream with a subject for each. All
// small states of the store are kept in buckets.
type bucket struct {
	disk   *disk
	log    *zap.Logger
	st     *stream.Stream
	prefix string // of subjects
	shared bool   // there are other buckets in the stream
	spare  *spare // what the bucket leaves to them; nil: nothing
	bucketConfig
}

// bucketConfig says what a bucket is for.
type bucketConfig struct {
	stream.Config
	what string // one record, in errors
	// always lets records be stored also while nothing else may be: while the queues are
	// too large, and while a write to another stream has failed.
	always bool
}

// bucket returns a bucket with the keys of its Subjects.
func (s *Store) bucket(c bucketConfig) bucket {
	c.MaxPerSubject = 1
	return bucket{disk: s.disk, log: s.log, st: s.stream(c.Config), prefix: strings.TrimRight(c.Subjects, "*.>") + ".", bucketConfig: c}
}

// keyValue are the settings of a bucket that began as one of the key-value buckets of
// NATS.
func keyValue(name, about string) stream.Config {
	return stream.Config{Name: "KV_" + name, About: about, Subjects: "$KV." + name + ".>", RefuseNew: true, KeyValue: true}
}

// readable is a text as part of a key, from which it can be read back.
func readable(s string) string { return token.EncodeToString([]byte(s)) }

var token = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// get returns the record of a key and its revision. Errors: gateway.ErrNotFound.
func (b *bucket) get(ctx context.Context, key string) ([]byte, uint64, error) {
	r, err := b.st.Last(ctx, b.prefix+key)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", b.what, err)
	}
	return r.Data, r.Seq, nil
}

// put stores the record of a key. If the caller goes, that does not end it.
//
// Killed before it returns: the record is the old one or the new one. Errors: gateway.ErrFull.
func (b *bucket) put(ctx context.Context, key string, data []byte) error {
	_, err := b.store(ctx, &stream.Message{Subject: b.prefix + key, Data: data}, b.st.Put)
	return err
}

// add stores the record of a key that has none. Many are stored at a time. ctx matters on
// NATS alone, which has 5 s at most.
//
// Killed before it returns: there is none, or the new one. Errors: gateway.ErrFull,
// gateway.ErrChanged.
func (b *bucket) add(ctx context.Context, key string, data []byte) error {
	err := b.refuses()
	if err == nil {
		err = b.disk.srv.AppendWait(ctx, stream.Append{Subject: b.prefix + key, Data: data, First: true})
	}
	if err != nil {
		err = fmt.Errorf("store %s: %w", b.what, err)
	}
	return err
}

// replace stores the record of a key in the place of the one with this revision (0:
// there is none), and returns the new revision.
//
// Killed before it returns: the record is the old one or the new one. Errors: gateway.ErrFull,
// gateway.ErrChanged.
func (b *bucket) replace(ctx context.Context, key string, data []byte, revision uint64) (uint64, error) {
	return b.store(ctx, &stream.Message{Subject: b.prefix + key, Data: data}, func(ctx context.Context, m *stream.Message) (uint64, error) {
		return b.st.Replace(ctx, m, revision)
	})
}

func (b *bucket) store(ctx context.Context, m *stream.Message, put func(context.Context, *stream.Message) (uint64, error)) (uint64, error) {
	err := b.refuses()
	if err == nil {
		err = b.spare.refuses(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", b.what, err)
	}
	seq, err := put(context.WithoutCancel(ctx), m)
	if err != nil {
		err = fmt.Errorf("store %s: %w", b.what, err)
	}
	return seq, err
}

// remove removes the record of a key, which need not be there, so that none of those that were
// there before comes back. It leaves a small one behind; see [stream.Stream.Erase].
//
// Killed before it returns: the record may still be there.
func (b *bucket) remove(ctx context.Context, key string) error {
	if err := b.st.Erase(context.WithoutCancel(ctx), b.prefix+key); err != nil {
		return fmt.Errorf("remove %s: %w", b.what, err)
	}
	if b.st.IsOver() {
		select {
		case b.disk.erased <- struct{}{}:
		default:
		}
	}
	return nil
}

// refuses returns why nothing may be stored now, or nil.
func (b *bucket) refuses() error {
	if b.always {
		return nil
	}
	return b.disk.refuses()
}

// keys are the keys that begin with a prefix, which ends with a dot, and have one token
// more: those tokens, in no order.
func (b *bucket) keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		state, err := b.st.StateOf(ctx, b.prefix+prefix+"*")
		if err != nil {
			yield("", fmt.Errorf("list %s: %w", b.About, err))
			return
		}
		for subject := range state.Subjects {
			if !yield(strings.TrimPrefix(subject, b.prefix+prefix), nil) {
				return
			}
		}
	}
}

// getJSON reads the record of a key into v, which stays as it is if there is none.
func (b *bucket) getJSON(ctx context.Context, key string, v any) (revision uint64, err error) {
	data, revision, err := b.get(ctx, key)
	if errors.Is(err, gateway.ErrNotFound) {
		return 0, nil
	}
	if err == nil {
		if err = json.Unmarshal(data, v); err != nil {
			err = fmt.Errorf("read %s: %w", b.what, err)
		}
	}
	return revision, err
}

// putJSON stores v as the record of a key.
func (b *bucket) putJSON(ctx context.Context, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store %s: %w", b.what, err)
	}
	return b.put(ctx, key, data)
}

// each calls do for each record of a bucket.
func (b *bucket) each(ctx context.Context, do func(*stream.Record) error) error {
	subjects := ""
	if b.shared {
		subjects = b.prefix + ">"
	}
	return b.st.Each(ctx, subjects, false, func(r *stream.Record, _ time.Time, _ int) error { return do(r) })
}

// allJSON returns the records of a bucket, in no order. One that is unreadable is logged and
// left out.
func allJSON[T any](ctx context.Context, b *bucket) ([]T, error) {
	var all []T
	err := b.each(ctx, func(r *stream.Record) error {
		var v T
		if err := json.Unmarshal(r.Data, &v); err != nil {
			b.log.Error("record unreadable", zap.String("record", b.what), zap.Error(err))
			return nil
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.About, err)
	}
	return all, nil
}
