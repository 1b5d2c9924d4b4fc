package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Read returns the next events of a conversation after a place, at most n.
// Records that are damaged are removed, and logged.
func (q *Queue) Read(ctx context.Context, conversation string, after uint64, n int) ([]Stored, error) {
	var list []Stored
	next := after + 1
	for len(list) < n {
		msgs, err := q.get(ctx, conversation, next, n-len(list))
		if err != nil {
			return list, err
		}
		if len(msgs) == 0 {
			return list, nil
		}
		for _, m := range msgs {
			next = m.seq + 1
			q.mu.Lock()
			done := q.led.isDone(conversation, m.seq) || m.seq > q.top // not ours to deliver: refused, or not said to be stored yet
			q.mu.Unlock()
			if done {
				continue
			}
			r, err := readRecord(m.subject, m.data)
			if err != nil {
				q.s.log.Error(err.Error() + "; it is removed")
				if err := q.Drop(ctx, m.seq); err != nil {
					return list, err
				}
				continue
			}
			list = append(list, Stored{r, m.seq})
		}
	}
	return list, nil
}

type message struct {
	subject string
	seq     uint64
	data    []byte
}

// get reads up to n messages of a conversation with one request (a batched
// direct get of JetStream, which the client library has no call for).
func (q *Queue) get(ctx context.Context, conversation string, from uint64, n int) ([]message, error) {
	if n == 1 {
		return single(ctx, q.s.eng.Load(), q.stream, q.subject(conversation), from)
	}
	return batch(ctx, q.s.eng.Load(), q.stream, q.subject(conversation), from, n)
}

// single reads one message. For a batch the server counts what follows, over the
// whole stream, and takes all of that into memory.
func single(ctx context.Context, e *engine, stream, subject string, from uint64) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	request, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": subject})
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	m, err := e.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, request)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
		got, err := readMessage(m)
		return []message{got}, err
	case "404": // nothing there
		return nil, nil
	default:
		return nil, fmt.Errorf("read from the store: %s %s", status, m.Header.Get("Description"))
	}
}

// readMessage reads the answer to a direct get.
func readMessage(m *nats.Msg) (message, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return message{}, fmt.Errorf("read from the store: %w", err)
	}
	return message{m.Header.Get("Nats-Subject"), seq, m.Data}, nil
}

func batch(ctx context.Context, e *engine, stream, subject string, from uint64, n int) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	request, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": subject, "batch": n})
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	inbox := nats.NewInbox()
	sub, err := e.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := e.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, request); err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	var list []message
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			got, err := readMessage(m)
			if err != nil {
				return nil, err
			}
			list = append(list, got)
		case "204", "404": // the end; nothing there
			return list, nil
		default:
			return nil, fmt.Errorf("read from the store: %s %s", status, m.Header.Get("Description"))
		}
	}
}
