package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// MadeEndpoint is an endpoint, or a hook, that was made by the API.
type MadeEndpoint struct {
	// Slot is where its record is. Records are kept by slot and not by name: a removed
	// record leaves a small one behind, and there are few slots and no end of names.
	Slot  int             `json:"-"`
	Name  string          `json:"name"`
	Order uint64          `json:"order"` // they are matched in this order
	Keys  json.RawMessage `json:"keys"`  // its configuration, with its secrets
}

// MadeEndpoints are the endpoints, or the hooks, that were made by the API.
type MadeEndpoints struct{ bucket }

func madeConfig(bucket, what string) bucketConfig {
	return bucketConfig{Config: keyValue(bucket, "the "+what+"s that were made by the API"), what: "the " + what, always: true}
}

// Put stores an endpoint in its slot.
//
// Killed before it returns: the slot has the old endpoint, or the new one.
func (m *MadeEndpoints) Put(ctx context.Context, e *MadeEndpoint) error {
	return m.putJSON(ctx, strconv.Itoa(e.Slot), e)
}

// Remove makes a slot empty.
//
// Killed before it returns: the endpoint may still be there.
func (m *MadeEndpoints) Remove(ctx context.Context, slot int) error {
	return m.remove(ctx, strconv.Itoa(slot))
}

// All returns the endpoints in their order.
func (m *MadeEndpoints) All(ctx context.Context) ([]MadeEndpoint, error) {
	var all []MadeEndpoint
	err := m.each(ctx, func(r *stream.Record) error {
		var e MadeEndpoint
		slot, err := strconv.Atoi(strings.TrimPrefix(r.Subject, m.prefix))
		if err == nil {
			err = json.Unmarshal(r.Data, &e)
		}
		if err != nil {
			m.log.Error("record of the API unreadable", zap.String("slot", r.Subject), zap.Error(err))
			return nil
		}
		e.Slot = slot
		all = append(all, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", m.About, err)
	}
	slices.SortFunc(all, func(a, b MadeEndpoint) int { return cmp.Compare(a.Order, b.Order) })
	return all, nil
}
