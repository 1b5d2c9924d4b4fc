package rooms_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/component/rooms"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// What a message of a room costs from the link to its event, and the JSON of that: without the
// queue and the request, which a message of a chat has as well.
func BenchmarkEventOfRoom(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), MaxBytes: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var last *webhook.Event
	all, err := rooms.New(b.Context(), rooms.Options{Store: s.Rooms(), Archive: &archive.Collector{}, Deliver: func(o forward.OfRoom) {
		o.Type, last = o.Room.TypeWith(o.Stanza, message.Said), o.Event
		o.OnStored(nil)
	}})
	if err != nil {
		b.Fatal(err)
	}
	all.Set([]rooms.Settings{setting()}, policy())
	srv := componenttest.NewServer(b, "bot.example.com", "secret")
	var link *component.Link
	link = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), Handler: all, OnUp: func(ctx context.Context) { all.OnUp(ctx, link) }})
	defer componenttest.Run(b, link)()
	p := srv.Expect("the join", isJoin)
	srv.Send(in(p.To.String(), p.From.String()) + alice + fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", p.To.Bare(), p.From))
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	var wg sync.WaitGroup
	wg.Go(func() { all.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	if _, err := all.Await(ctx, ops, echo); err != nil {
		b.Fatal(err)
	}
	raw := said("1", "Alice", "what was said is 17, and it is as long as most of what people say", "")
	e := &webhook.Endpoint{Name: "echo"}
	b.ReportAllocs()
	for b.Loop() {
		m := stanza.Must(stanza.Parse(raw, stanza.Limits{}))
		all.Handle(&component.Incoming{Stanza: m})
		if _, err := webhook.EncodeEvent(e, last); err != nil {
			b.Fatal(err)
		}
	}
}
