package store

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// earlierPrefix is that of the streams of the earlier layout, one for each queue.
const earlierPrefix = "EV_"

// takeOver moves the events of queues that had a stream of their own.
//
// Killed before it returns: the next start finds the copies beside their originals, and
// goes on from there.
func (qs *Queues) takeOver(ctx context.Context) error {
	var names []string
	for name, err := range qs.srv.Names(ctx) {
		if err != nil {
			return fmt.Errorf("list the streams: %w", err)
		}
		if strings.HasPrefix(name, earlierPrefix) {
			names = append(names, strings.TrimPrefix(name, earlierPrefix))
		}
	}
	for _, endpoint := range names {
		n, err := qs.takeOverQueue(ctx, endpoint)
		if err != nil {
			return fmt.Errorf("take over the queue of %s: %w", endpoint, err)
		}
		qs.log.Info("queue taken over from its own stream", zap.String("endpoint", endpoint), zap.Int("events", n))
	}
	return nil
}

func (qs *Queues) takeOverQueue(ctx context.Context, endpoint string) (n int, err error) {
	q := newQueue(qs, endpoint, nil)
	st := qs.srv.Stream(stream.Config{Name: earlierPrefix + endpoint, About: "queue of " + endpoint})
	done, _, err := q.settle(ctx, st, "")
	if err != nil {
		return 0, err
	}
	n = len(done)
	from := uint64(1)
	if n > 0 {
		from = done[n-1].from + 1
	}
	state, err := st.State(ctx)
	if err != nil {
		return n, err
	}
	for from <= state.Last {
		list, last, err := q.copy(ctx, st, "", from, state.Last, func(uint64) bool { return false })
		if err != nil {
			return n, err
		}
		n, from = n+len(list), last+1
	}
	syscall.Sync() // the copies first; no power cut may take them after their originals
	if err := st.Remove(ctx); err != nil {
		return n, err
	}
	return n, qs.countOlder(ctx, endpoint)
}

// countOlder counts what a queue that is not open has in WAITING.
func (qs *Queues) countOlder(ctx context.Context, endpoint string) error {
	state, err := qs.waiting.st.StateOf(ctx, "waiting."+endpoint+".*")
	if err != nil {
		return err
	}
	found := qs.found[endpoint]
	if found == nil {
		found = &backlog{recent: make(map[string]int), size: int64(state.Bytes / max(1, state.Records))}
	}
	found.older = conversations(state)
	if delete(qs.found, endpoint); len(found.older)+len(found.recent) > 0 {
		qs.found[endpoint] = found
	}
	return nil
}

// resume ends a move that the end of the process before has broken off, of an embedded store.
func (qs *Queues) resume(ctx context.Context, endpoint string) error {
	q := newQueue(qs, endpoint, nil)
	list, over, err := q.settle(ctx, qs.recent.st, q.recentSubject(allConversations))
	if err != nil {
		return err
	}
	if len(list) > 0 {
		syscall.Sync() // the copies first; no power cut may take them after their originals
		if err := qs.recent.st.Purge(ctx, q.recentSubject(allConversations), list[len(list)-1].from+1); err != nil {
			return err
		}
		top := qs.recent.last()
		for _, c := range list {
			over = append(over, c.from)
		}
		for _, place := range over {
			if place <= top { // a power cut may have taken the original, and its place comes again
				qs.recent.mark(place)
			}
		}
		state, err := qs.recent.st.StateOf(ctx, q.recentSubject(allConversations))
		if err != nil {
			return err
		}
		qs.found[endpoint].recent = conversations(state)
	}
	return qs.countOlder(ctx, endpoint)
}

// conversations returns how many events each conversation has.
func conversations(state stream.State) map[string]int {
	all := make(map[string]int, len(state.Subjects))
	for subject, n := range state.Subjects {
		all[conversationOf(subject)] = int(n)
	}
	return all
}
