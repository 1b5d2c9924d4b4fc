package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store"
)

// Endpoints of the API survive a restart, in their order; removed ones do not.
func TestMadeEndpoints(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	put := func(slot int, name string, order uint64, keys string) {
		t.Helper()
		require.NoError(t, s.MadeEndpoints().Put(ctx, &store.MadeEndpoint{Slot: slot, Name: name, Order: order, Keys: json.RawMessage(keys)}))
	}
	put(0, "b", 2, `{"url":"http://b/"}`)
	put(1, "a", 1, `{}`)
	put(2, "c", 3, `{}`)
	put(0, "b", 2, `{"url":"http://b/2"}`)
	require.NoError(t, s.MadeEndpoints().Remove(ctx, 2))
	require.NoError(t, s.Endpoints().Put(ctx, "a", store.EndpointState{Disabled: true, Since: time.Now()}))
	require.NoError(t, s.Endpoints().Remove(ctx, "a"))
	if err := s.Endpoints().Remove(ctx, "never there"[:5]); err != nil {
		t.Error(err)
	}
	for range 2 {
		all, err := s.MadeEndpoints().All(ctx)
		text := ""
		for _, e := range all {
			text += fmt.Sprintf("%d %s %d %s; ", e.Slot, e.Name, e.Order, e.Keys)
		}
		if want := `1 a 1 {}; 0 b 2 {"url":"http://b/2"}; `; text != want || err != nil {
			t.Errorf("%s %v, want %s", text, err, want)
		}
		if st, err := s.Endpoints().Get(ctx, "a"); err != nil || st.Disabled {
			t.Errorf("state of a: %+v %v", st, err)
		}
		s.Close()
		s = open(t, dir)
	}
	s.Close()
}
