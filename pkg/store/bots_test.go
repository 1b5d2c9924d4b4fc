package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// Bots and their avatars are there after a restart, until they are removed; avatars have a
// bound of their own.
func TestBots(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	long := strings.Repeat("x", 1000) + "@bot.example.com" // longer than a subject may be
	live := func(use func(s *store.Store)) {
		t.Helper()
		s, err := store.Open(ctx, store.Elsewhere(store.Options{Dir: dir, MaxBytes: 64 << 20}))
		require.NoError(t, err)
		defer s.Close()
		use(s)
	}
	try := func(err error) {
		t.Helper()
		require.NoError(t, err)
	}
	names := func(s *store.Store) string {
		t.Helper()
		all, err := s.Bots().All(ctx)
		try(err)
		var list []string
		for _, b := range all {
			list = append(list, b.Bot[:1]+string(b.Data))
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	live(func(s *store.Store) {
		for _, b := range []store.BotRecord{{"echo@bot.example.com", json.RawMessage(`{"a":1}`)}, {"news@bot.example.com", json.RawMessage(`1`)}, {long, json.RawMessage(`2`)}, {"echo@bot.example.com", json.RawMessage(`3`)}} {
			try(s.Bots().Put(ctx, b))
		}
		try(s.Bots().Remove(ctx, "news@bot.example.com"))
		try(s.Avatars().Put(ctx, "abc", []byte("image")))
		try(s.Avatars().Put(ctx, "def", []byte("other")))
		try(s.Avatars().Remove(ctx, "def"))
	})
	live(func(s *store.Store) {
		if got := names(s); got != "e3 x2" {
			t.Error(got)
		}
		if one, err := s.Bots().Get(ctx, long); err != nil || string(one.Data) != "2" {
			t.Errorf("%+v %v", one, err)
		}
		if _, err := s.Bots().Get(ctx, "news@bot.example.com"); !errors.Is(err, gateway.ErrNotFound) {
			t.Error(err)
		}
		if image, err := s.Avatars().Get(ctx, "abc"); err != nil || string(image) != "image" {
			t.Errorf("%q %v", image, err)
		}
		if _, err := s.Avatars().Get(ctx, "def"); !errors.Is(err, gateway.ErrNotFound) {
			t.Error(err)
		}
		var err error
		n := 0
		for ; err == nil && n < 1000; n++ {
			err = s.Avatars().Put(ctx, strings.Repeat("a", n+1), make([]byte, 100<<10))
		}
		if !errors.Is(err, gateway.ErrFull) || n < 5 {
			t.Errorf("after %d avatars: %v", n, err)
		}
		if ids, err := s.Avatars().IDs(ctx); err != nil || len(ids) != n {
			t.Errorf("%d ids, %v", len(ids), err)
		}
		for i := range 1000 { // others have their room all the same
			try(s.Rooms().Put(ctx, store.RoomRecord{Room: fmt.Sprintf("room%d@rooms.example.com", i), Bot: "echo@bot.example.com", Kept: make([]byte, 300)}))
		}
		if all, err := s.Rooms().All(ctx); err != nil || len(all) != 1000 {
			t.Errorf("%d rooms, %v", len(all), err)
		}
	})
}
