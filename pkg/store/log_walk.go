package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	walkPage  = 256     // records that are read, and held, at a time
	walkBytes = 8 << 20 // after which a page ends early
	walkSpan  = 1 << 22 // places looked at together at most, where nearly all are empty
)

// walked is a record of a stream that is read for people.
type walked struct {
	message
	header nats.Header
	time   time.Time // when it was stored
	left   int       // how many follow it
}

// page reads the records of a stream from a place on, n or fewer; none if there
// are none. An empty subject means all.
func (e *engine) page(ctx context.Context, stream, subject string, from uint64, n int) ([]walked, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ask := map[string]any{"seq": from, "batch": n, "max_bytes": walkBytes}
	if subject != "" {
		ask["next_by_subj"] = subject
	}
	request, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	inbox := nats.NewInbox()
	sub, err := e.nc.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }() // the connection is gone, or it is
		err = e.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, request)
	}
	var list []walked
	for err == nil {
		var m *nats.Msg
		if m, err = sub.NextMsgWithContext(ctx); err != nil {
			break
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			w := walked{message: message{subject: m.Header.Get("Nats-Subject"), data: m.Data}, header: m.Header}
			if w.seq, err = strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64); err == nil {
				w.time, err = time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
			}
			w.left, _ = strconv.Atoi(m.Header.Get("Nats-Num-Pending")) // 0 where it is not said
			list = append(list, w)
		case "204", "404": // the end; nothing there
			return list, nil
		default:
			err = fmt.Errorf("%s %s", status, m.Header.Get("Description"))
		}
	}
	return nil, fmt.Errorf("read from the store: %w", err)
}

// walk shows the records of a stream below a place (0: all), the newest first,
// until visit returns false. It holds a page of them at a time.
func (e *engine) walk(ctx context.Context, stream, subject string, before uint64, visit func(walked) bool) error {
	handle, err := e.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("read from the store: %w", err)
	}
	state := handle.CachedInfo().State
	high := state.LastSeq + 1
	if before > 0 {
		high = min(high, before)
	}
	first := max(1, state.FirstSeq)
	for span := uint64(walkPage); high > first; {
		low := max(first, high-min(span, high))
		page, more, err := e.between(ctx, stream, subject, low, high)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(page) {
			if !visit(m) {
				return nil
			}
		}
		switch {
		case more: // those before the page have not been seen
			high, span = page[0].seq, walkPage
		case len(page) < walkPage/2:
			high, span = low, min(2*span, walkSpan)
		default:
			high = low
		}
	}
	return nil
}

// between returns the last records from low up to high, at most a page; more
// means that there are others before them.
func (e *engine) between(ctx context.Context, stream, subject string, low, high uint64) (list []walked, more bool, err error) {
	bytes := 0
	for low < high {
		page, err := e.page(ctx, stream, subject, low, walkPage)
		if err != nil {
			return nil, false, err
		}
		for _, m := range page {
			if m.seq >= high {
				return list, more, nil
			}
			low = m.seq + 1
			list, bytes = append(list, m), bytes+len(m.data)
			for len(list) > walkPage || len(list) > 1 && bytes > 2*walkBytes {
				bytes -= len(list[0].data)
				list[0] = walked{}
				list, more = list[1:], true
			}
		}
		if len(page) == 0 {
			break
		}
	}
	return list, more, nil
}
