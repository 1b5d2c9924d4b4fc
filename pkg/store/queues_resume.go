package store

import (
	"context"
	"errors"
	"strings"
	"sync"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// resumes is how many queues are looked at together.
const resumes = 16

// resumeAll ends, on NATS, the moves that the end of the process before has broken off, of all queues, and returns
// what EVENTS has then. A takeover waits for it, so its time does not depend on how much has moved.
//
// Killed before it returns: the next start does the same.
func (qs *Queues) resumeAll(ctx context.Context, recent, waiting stream.State) (stream.State, error) {
	has := make(map[string]bool) // by endpoint, an event in EVENTS
	for subject := range recent.Subjects {
		has[strings.Split(subject, ".")[1]] = true
	}
	var both []string
	for subject := range waiting.Subjects {
		if endpoint := strings.Split(subject, ".")[1]; has[endpoint] {
			both = append(both, endpoint)
			delete(has, endpoint)
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	purged, slots := false, make(chan struct{}, resumes)
	for _, endpoint := range both {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			q := newQueue(qs, endpoint, nil)
			upTo, err := q.movedBefore(ctx)
			if err == nil && upTo > 0 {
				err = qs.recent.st.Purge(ctx, q.recentSubject(allConversations), upTo+1)
			}
			mu.Lock()
			defer mu.Unlock()
			purged = purged || upTo > 0
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	if failed != nil || !purged {
		return recent, failed
	}
	return qs.recent.load(ctx)
}

// movedBefore returns up to which place in EVENTS the queue's events have moved, as the process before has left them;
// 0: none that is still there.
func (q *Queue) movedBefore(ctx context.Context) (upTo uint64, err error) {
	upTo, ok, err := q.lastMoved(ctx)
	if ok || err != nil {
		return upTo, err
	}
	list, _, err := q.settle(ctx, q.qs.recent.st, q.recentSubject(allConversations))
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[len(list)-1].from, nil
}

// lastMoved is movedBefore by the last copy alone: on NATS no copy is stored before all those before it. ok is false
// if it does not tell, as after a loss of the last writes of all servers.
func (q *Queue) lastMoved(ctx context.Context) (upTo uint64, ok bool, err error) {
	subject := q.recentSubject(allConversations)
	first, err := q.qs.recent.st.Page(ctx, subject, firstRecent, 1)
	if err != nil || len(first) == 0 {
		return 0, true, err
	}
	last, err := q.qs.waiting.st.Last(ctx, q.olderSubject(allConversations))
	if errors.Is(err, gateway.ErrNotFound) {
		return 0, true, nil
	}
	if err != nil {
		return 0, false, err
	}
	origin := originOf(last.Data)
	if origin < firstRecent || origin > q.qs.recent.last() {
		return 0, false, nil
	}
	if origin < first[0].Seq {
		return 0, true, nil
	}
	original, err := q.qs.recent.st.Page(ctx, subject, origin, 1)
	if err != nil || len(original) == 0 || original[0].Seq != origin || idOf(original[0].Data) != idOf(last.Data) {
		return 0, false, err
	}
	return origin, true, nil
}
