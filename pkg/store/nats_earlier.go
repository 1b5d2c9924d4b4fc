package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// layoutKey is the record in the states that says how kinds are divided among the streams of NATS.
// It spares a takeover to ask for streams that are not there: the leader of all servers answers that,
// and it may be what has gone.
const (
	layoutKey = "layout"
	layout    = "2"
)

// earlierStream is one whose records are in a shared stream now.
type earlierStream struct {
	stream.Config
	to      *bucket
	ordered bool // the order of its records counts
}

func (s *Store) earlierStreams() []earlierStream {
	return []earlierStream{
		{roomsConfig().Config, &s.rooms.bucket, false},
		{avatarsConfig().Config, &s.avatars.bucket, false},
		{roomWait(&s.o).Config, &s.waiting.bucket, true},
		{correctionWait(&s.o).Config, &s.corrections.bucket, true},
	}
}

// takeOverStreams moves what had a stream of its own on NATS, and shares one now. A store that is
// opened for a copy alone stays as it is.
//
// Killed before it returns: the next start goes on.
func (s *Store) takeOverStreams(ctx context.Context) error {
	states := s.endpoints.bucket
	states.prefix, states.what = strings.TrimSuffix(states.prefix, "endpoints."), "how the streams are divided"
	switch is, _, err := states.get(ctx, layoutKey); {
	case err == nil && string(is) == layout:
		return nil
	case err != nil && !errors.Is(err, gateway.ErrNotFound):
		return err
	}
	for _, e := range s.earlierStreams() {
		st := s.srv.Stream(e.Config)
		there, err := st.Exists(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("look for streams of an earlier version: %w", err)
		case !there:
		case s.alone:
			return fmt.Errorf("stream %s is of an earlier version; start this version on it once, which takes it over", e.Name)
		default:
			if err := s.takeOverStream(ctx, st, &e); err != nil {
				return fmt.Errorf("take over the %s (stream %s): %w", e.About, e.Name, err)
			}
		}
	}
	if s.alone {
		return nil
	}
	return states.put(ctx, layoutKey, []byte(layout))
}

// takeOverWidth is how many records are stored at a time where their order does not count.
const takeOverWidth = 64

func (s *Store) takeOverStream(ctx context.Context, from *stream.Stream, e *earlierStream) error {
	n, prefix, width := 0, strings.TrimRight(e.Subjects, "*.>")+".", takeOverWidth
	if e.ordered {
		width = 1
	}
	for place := uint64(1); ; {
		page, err := from.Read(ctx, e.Subjects, place, movePage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		place = page[len(page)-1].Seq + 1
		var mu sync.Mutex
		var failed error
		_, all := together(page, width, time.Now().Add(openTimeout), func(r stream.Record) bool {
			m, ok := from.Message(&r)
			if !ok {
				return true
			}
			m.Subject = e.to.prefix + strings.TrimPrefix(r.Subject, prefix)
			_, err := e.to.st.Replace(ctx, &m, 0)
			if errors.Is(err, gateway.ErrChanged) { // it has come already, and may have been changed or removed since
				err = nil
			}
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			return err == nil
		})
		if !all {
			return errors.Join(errors.New("not all records were moved"), failed)
		}
		n += len(page)
	}
	if err := from.Remove(ctx); err != nil {
		return err
	}
	s.log.Info("records taken over from a stream of their own", zap.String("stream", e.Name), zap.Int("records", n))
	return nil
}
