package delivery

import (
	"context"
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// listPage is how many events of a queue are read at a time.
const listPage = 100

// List returns a page of deliveries and the cursor of the next: those of the log,
// and those in the queues that were not tried yet, which are not in the log.
func (d *Deliveries) List(ctx context.Context, f Filter) ([]Delivery, string, error) {
	switch f.State {
	case deliverylog.Dead:
		return d.DeadLetters(ctx, f)
	case deliverylog.Queued:
		return d.listQueued(ctx, f)
	}
	logged, next, err := d.store.DeliveryLog().List(ctx, f)
	if err != nil {
		return nil, "", err
	}
	if f.State != "" {
		return logged, next, nil
	}
	all, seen := logged, make(map[string]bool, len(logged))
	for i := range logged {
		seen[logged[i].ID] = true
	}
	found, more, err := d.queues(ctx, f)
	if err != nil {
		return nil, "", err
	}
	if next != "" { // deliveries older than the log's page belong to a later one
		end := logged[len(logged)-1].Place()
		found = slices.DeleteFunc(found, func(v Delivery) bool { return v.Place().Compare(end) < 0 })
	}
	for _, v := range found {
		if !seen[v.ID] {
			v.Stanza = ""
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b Delivery) int { return deliverylog.LastFirst(&a, &b) })
	if len(all) > f.Limit {
		all, more = all[:f.Limit], true
	}
	if (more || next != "") && len(all) > 0 {
		next = all[len(all)-1].Place().String()
	}
	return all, next, nil
}

// listQueued lists the events in the queues that were not tried yet, or were replayed.
func (d *Deliveries) listQueued(ctx context.Context, f Filter) ([]Delivery, string, error) {
	found, more, err := d.queues(ctx, f)
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	ids := make(map[string]time.Time, len(found))
	for i := range found {
		ids[found[i].ID] = found[i].Received
	}
	logged, _, err := d.store.DeliveryLog().List(ctx, deliverylog.Filter{IDs: ids, Limit: len(ids)})
	if err != nil {
		return nil, "", err
	}
	known := make(map[string]Delivery, len(logged))
	for _, l := range logged {
		known[l.ID] = l
	}
	var all []Delivery
	for _, v := range found {
		l, ok := known[v.ID]
		if ok && l.State != deliverylog.Queued {
			continue
		}
		v.Stanza, v.Attempts, v.Reason = "", l.Attempts, l.Reason
		all = append(all, v)
	}
	next := ""
	if more {
		next = found[len(found)-1].Place().String()
	}
	return all, next, nil
}

// queues returns a page of the events in the queues, those received last
// first, and whether there are more.
func (d *Deliveries) queues(ctx context.Context, f Filter) (page []Delivery, more bool, err error) {
	cursor, err := deliverylog.ParsePlace(f.Cursor)
	if err != nil {
		return nil, false, err
	}
	for _, w := range d.workers {
		e := w.Endpoint()
		if !e.Queued || f.Endpoint != "" && f.Endpoint != e.Name {
			continue
		}
		q, err := d.store.Queues().Open(ctx, e.Name)
		if err != nil {
			return nil, false, err
		}
		if page, err = waitingIn(ctx, q, e.Name, &f, cursor, page); err != nil {
			return nil, false, err
		}
	}
	if len(page) > f.Limit {
		return page[:f.Limit], true, nil
	}
	return page, false, nil
}

// waitingIn adds events of a queue to a page, which keeps one more than it
// needs. Events are in the queue in the order in which they were received: so the
// first one that is too old for a full page ends the search. A replayed event does not: its
// place is that of the replay.
func waitingIn(ctx context.Context, q *store.Queue, endpoint string, f *Filter, cursor deliverylog.Place, page []Delivery) ([]Delivery, error) {
	for before := uint64(0); ; {
		list, err := q.List(ctx, before, listPage)
		if err != nil || len(list) == 0 {
			return page, err
		}
		for i := range list {
			r := &list[i]
			before = r.Seq
			place := deliverylog.PlaceOf(r.Received, r.ID)
			full := len(page) > f.Limit && place.Compare(page[f.Limit].Place()) < 0
			older := full && r.Received.UnixMilli() < page[f.Limit].Received.UnixMilli()
			if replayed := r.Since.After(r.Received.Add(time.Second)); !replayed && (older || r.Received.Before(f.After)) {
				return page, nil
			}
			if full || !cursor.IsZero() && place.Compare(cursor) >= 0 || !f.After.IsZero() && !r.Received.After(f.After) || !f.Before.IsZero() && !r.Received.Before(f.Before) {
				continue
			}
			v := ofQueue(endpoint, r)
			if f.JID != "" && !isOf(f.JID, v.From) && !isOf(f.JID, v.To) {
				continue
			}
			at, _ := slices.BinarySearchFunc(page, place, func(v Delivery, p deliverylog.Place) int { return p.Compare(v.Place()) })
			page = slices.Insert(page, at, v)
			page = page[:min(len(page), f.Limit+1)]
		}
	}
}

// isOf reports whether a JID is the wanted one, or a resource of it.
func isOf(wanted, j string) bool {
	return j == wanted || !strings.Contains(wanted, "/") && strings.HasPrefix(j, wanted+"/")
}
