package bots_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"stanzahook/component/bots"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
)

// As many bots as there may be, each with texts and an avatar of its own of 20 KiB, of which
// all are asked for, take less than half of 64 MiB: the
// process may need twice as much.
func TestHeap(t *testing.T) {
	image := func(i int) []byte {
		b := make([]byte, 20<<10)
		copy(b, fmt.Sprint(i))
		return b
	}
	all := bots.New(bots.Options{Image: func(_ context.Context, b *bots.Bot) ([]byte, error) {
		var i int
		_, err := fmt.Sscanf(b.JID.Local(), "bot%d", &i)
		return image(i), err
	}, Features: []string{"urn:xmpp:ping"}})
	before := heap()
	list := make([]bots.Bot, bots.Max)
	for i := range list {
		list[i] = bot(fmt.Sprintf("bot%d@bot.example.com", i), image(i))
		list[i].Name = fmt.Sprint("The bot with the number ", i)
		list[i].Card = profile.Card{Note: strings.Repeat(fmt.Sprint("It does what it does, ", i, ". "), 20), URL: fmt.Sprint("https://example.com/", i), Email: fmt.Sprint("ops", i, "@example.com"), Org: "Example"}
		list[i].Presence.Status = fmt.Sprint("Ready for the ", i, "th time")
	}
	all.Set(list)
	list = nil
	grown := heap() - before
	for i := range bots.Max {
		if _, err := all.Image(all.Get(jid.MustParse(fmt.Sprintf("bot%d@bot.example.com", i)))); err != nil {
			t.Fatal(err)
		}
	}
	full := heap() - before
	t.Logf("%d bots: %.1f MiB, with a full cache %.1f MiB", bots.Max, float64(grown)/(1<<20), float64(full)/(1<<20))
	if full > 32<<20 || all.Cached() < 7<<20 {
		t.Errorf("%d bytes, %d of them cached", full, all.Cached())
	}
	runtime.KeepAlive(all)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
