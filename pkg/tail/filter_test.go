package tail_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/tail"
)

// What each filter shows.
func TestFilters(t *testing.T) {
	all := tail.New(nil)
	happen := func() {
		d := func(id, endpoint, from, to string) {
			all.Delivery(&tail.Delivery{ID: id, Endpoint: endpoint, State: "queued", From: from, To: to})
		}
		d("evt_1", "echo", "u@example.com/r", "bot.example.com")
		d("evt_2", "shop", "bot.example.com", "u@example.com")
		d("evt_3", "echo", "u@example.comm", "u@example.co")
		d("evt_4", "echoes", "U@example.com", "v@example.com/u@example.com")
		all.Link(tail.Link{Component: "echo", State: "up"})
		all.Endpoint(tail.Endpoint{Endpoint: "echo", State: "ok"})
		all.Roster(tail.Roster{User: "u@example.com", Result: "applied"})
		all.Outbox(tail.Outbox{Component: "echo"})
		all.Room(tail.Room{Room: "ops@rooms.example.com", From: "echo@bot.example.com", State: "joined"})
		all.Hook(tail.Hook{Hook: "echo", Adapter: "text", Result: "sent", Messages: 1})
		all.Command(tail.Command{Command: "x", Endpoint: "echo", From: "w@example.com", Bot: "nurse@bot.example.com"})
		all.Request(tail.Request{Token: "echo", Method: "GET", Route: "/"})
	}
	for _, c := range []struct{ kinds, endpoint, jid, want string }{
		{"", "", "", "evt_1 evt_2 evt_3 evt_4 link endpoint roster outbox room hook command http"},
		{"delivery,link,endpoint,roster,outbox,room,hook,command,http", "", "", "evt_1 evt_2 evt_3 evt_4 link endpoint roster outbox room hook command http"},
		{"room,hook", "", "", "room hook"},
		{"", "", "ops@rooms.example.com", "room"},
		{"", "", "echo@bot.example.com", "room"},
		{"http,link,link", "", "", "link http"},
		{"", "echo", "", "evt_1 evt_3 endpoint command"},
		{"delivery", "echo", "", "evt_1 evt_3"},
		{"", "", "u@example.com", "evt_1 evt_2 roster"},
		{"", "", "U@EXAMPLE.com", "evt_1 evt_2 roster"},
		{"", "echo", "u@example.com", "evt_1"},
		{"", "", "nurse@bot.example.com", "command"},
		{"", "", "w@example.com", "command"},
		{"command", "", "", "command"},
		{"", "none", "", ""},
	} {
		r, err := all.Open(tail.Opening{Filter: filter(t, c.kinds, c.endpoint, c.jid)})
		require.NoError(t, err)
		happen()
		page, err := r.Next(t.Context(), 0)
		require.NoError(t, err)
		r.Close()
		var got []string
		for frame := range strings.SplitSeq(string(page), "\n\n") {
			if frame == "" {
				continue
			}
			_, kind, _ := strings.Cut(frame, "event: ")
			kind, data, _ := strings.Cut(kind, "\n")
			if _, id, ok := strings.Cut(data, `"id":"`); ok {
				kind, _, _ = strings.Cut(id, `"`)
			}
			got = append(got, kind)
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q %q %q: %v, want %s", c.kinds, c.endpoint, c.jid, got, c.want)
		}
	}
}

// Of rooms, a reader may be shown only some; of all else, everything.
func TestFilterOfRooms(t *testing.T) {
	all := tail.New(nil)
	glob, err := jid.ParseGlob("lounge@*")
	require.NoError(t, err)
	r, err := all.Open(tail.Opening{Filter: tail.Filter{}.InRooms([]jid.Glob{glob})})
	require.NoError(t, err)
	defer r.Close()
	for _, room := range []string{"ops@rooms.example.com", "lounge@rooms.example.com"} {
		all.Room(tail.Room{Room: room, From: "echo@bot.example.com", State: "joined"})
	}
	all.Link(tail.Link{Component: "echo", State: "up"})
	page, err := r.Next(t.Context(), 0)
	if text := string(page); err != nil || strings.Contains(text, "ops@") || !strings.Contains(text, "lounge@") || !strings.Contains(text, "event: link") {
		t.Errorf("%s %v", text, err)
	}
}

func TestBadFilters(t *testing.T) {
	for _, c := range []struct{ kinds, jid, want string }{
		{"delivery,bots", "", `kinds: "bots" is not one of delivery, link, endpoint, roster, outbox, room, hook, command, http`},
		{"delivery,", "", `kinds: "" is not one of`},
		{"delivery, link", "", `kinds: " link" is not one of`},
		{"gap", "", `kinds: "gap" is not one of`},
		{"", "a@b@c", "jid: "},
		{"", "u@example.com/r", `jid: "u@example.com/r" has a resource; write the bare address u@example.com`},
	} {
		if _, err := tail.ParseFilter(c.kinds, "", c.jid); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Whatever a filter and an event have in them, reading fails or shows whole frames.
func FuzzFilter(f *testing.F) {
	f.Add("delivery,http", "echo", "u@example.com", "u@example.com/r", "reason")
	f.Add("", "", "", "\x00\xff", "\"\n\r\u2028</script>")
	f.Fuzz(func(t *testing.T, kinds, endpoint, jid, from, reason string) {
		filter, err := tail.ParseFilter(kinds, endpoint, jid)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "kinds: ") && !strings.HasPrefix(err.Error(), "jid: ") {
				t.Errorf("the error names no parameter: %v", err)
			}
			return
		}
		all := tail.New(nil)
		r := read(t, all, tail.Opening{Filter: filter})
		all.Delivery(&tail.Delivery{ID: "evt_1", Endpoint: endpoint, State: "queued", From: from, Reason: reason, Note: reason, Error: reason, N: 1})
		all.Endpoint(tail.Endpoint{Endpoint: endpoint, State: "open", Reason: reason})
		r.next(10 * time.Microsecond)
	})
}
