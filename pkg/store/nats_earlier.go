package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// takeOverStreams moves what had a stream of its own on NATS, and shares one now.
//
// Killed before it returns: the next start does it again, with the same records.
func (s *Store) takeOverStreams(ctx context.Context) error {
	all := s.endpoints.bucket
	all.prefix, all.what = strings.TrimSuffix(all.prefix, "endpoints."), "how the streams are divided"
	switch is, _, err := all.get(ctx, layoutKey); {
	case err == nil && string(is) == layout:
		return nil
	case err != nil && !errors.Is(err, gateway.ErrNotFound):
		return err
	}
	for _, x := range []struct {
		from stream.Config
		to   *bucket
	}{
		{roomsConfig().Config, &s.rooms.bucket},
		{avatarsConfig().Config, &s.avatars.bucket},
		{roomWait(&s.o).Config, &s.waiting.bucket},
		{correctionWait(&s.o).Config, &s.corrections.bucket},
	} {
		if err := s.takeOverStream(ctx, x.from, x.to); err != nil {
			return fmt.Errorf("take over the %s (stream %s): %w", x.from.About, x.from.Name, err)
		}
	}
	return all.put(ctx, layoutKey, []byte(layout))
}

func (s *Store) takeOverStream(ctx context.Context, c stream.Config, to *bucket) error {
	from := s.srv.Stream(c)
	if there, err := from.Exists(ctx); err != nil || !there {
		return err
	}
	n, prefix := 0, strings.TrimRight(c.Subjects, "*.>")+"."
	for place := uint64(1); ; {
		page, err := from.Read(ctx, c.Subjects, place, movePage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			place = page[i].Seq + 1
			m, ok := from.Message(&page[i])
			if !ok {
				continue
			}
			m.Subject = to.prefix + strings.TrimPrefix(page[i].Subject, prefix)
			if _, err := to.st.Put(ctx, &m); err != nil {
				return err
			}
			n++
		}
	}
	if err := from.Remove(ctx); err != nil {
		return err
	}
	s.log.Info("records taken over from a stream of their own", zap.String("stream", c.Name), zap.Int("records", n))
	return nil
}
