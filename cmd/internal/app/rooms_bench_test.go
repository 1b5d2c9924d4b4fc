package app

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
)

// A message of a room beside one of a chat: stanza in, POST, accepted; 100 rooms or users, 100
// messages unanswered. The bot and the peer are in the CPU time of both.
func BenchmarkAcceptedChat(b *testing.B) {
	benchmarkAccepted(b, "<message type='chat' id='%d' from='u%d@rooms.example.com/n1' to='echo@bot.example.com'><body>%s</body></message>")
}

func BenchmarkAcceptedGroupchat(b *testing.B) {
	benchmarkAccepted(b, "<message type='groupchat' id='%d' from='r%d@rooms.example.com/n1' to='echo@bot.example.com/room'><body>%s</body></message>")
}

func benchmarkAccepted(b *testing.B, message string) {
	const rooms, window = 100, 100
	var taken atomic.Int64
	bot := newWeb(b, func(w http.ResponseWriter, _ *http.Request) {
		taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})
	srv := startRooms(b, bot.URL, rooms, 1).srv
	await := func(n int64) {
		for taken.Load() < n {
			time.Sleep(50 * time.Microsecond)
		}
	}
	await(rooms) // room.joined
	taken.Store(0)
	body := strings.Repeat("x", 300)
	sent := int64(0)
	cpu := processTime(b)
	for b.Loop() {
		if sent++; sent > window {
			await(sent - window)
		}
		srv.Send(fmt.Sprintf(message, sent, sent%rooms, body))
	}
	await(sent)
	b.ReportMetric(float64(processTime(b)-cpu)/float64(b.N), "cpu-ns/op")
}

// startRooms starts an App whose bot is in rooms, each with so many others, and an endpoint.
func startRooms(b *testing.B, url string, rooms, others int) *running {
	srv := newServer(b)
	srv.Answer(func(s *stanza.Stanza) string {
		switch s.Kind {
		case stanza.Presence:
			var x strings.Builder
			for i := range others {
				fmt.Fprintf(&x, "<presence from='%s/n%d' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>", s.To.Bare(), i+1, s.From)
			}
			fmt.Fprintf(&x, "<presence from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence><message type='groupchat' from='%s' to='%[2]s'><subject/></message>", s.To, s.From, s.To.Bare())
			return x.String()
		case stanza.IQ:
			return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", s.ID, s.To, s.From)
		}
		return ""
	})
	kept := "rooms:\n"
	for i := range rooms {
		kept += fmt.Sprintf("  - {jid: r%d@rooms.example.com, from: echo@bot.example.com, nick: Echo}\n", i)
	}
	return startAt(b, srv, zap.NewNop(), noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", url)+kept)
}

// What a room with ten others takes of the memory, with all that goes with it, as its record in
// the store: the difference between a thousand rooms and one. The first thousand fill the pools
// and caches of the process, which stay; an App is collected when its benchmark is over.
func BenchmarkRoomsMemory(b *testing.B) {
	live := make(map[int]uint64)
	for _, rooms := range []int{1000, 1, 1000} {
		b.Run(fmt.Sprint(rooms), func(b *testing.B) {
			for b.Loop() {
				live[rooms] = liveInRooms(b, rooms, 10)
			}
			if one := live[1]; rooms > 1 && one > 0 {
				b.ReportMetric(float64(live[rooms]-one)/float64(rooms-1), "B/room")
			}
		})
	}
}

// liveInRooms returns the bytes that are in use with an App whose bot is in rooms.
func liveInRooms(b *testing.B, rooms, others int) uint64 {
	var taken atomic.Int64
	bot := newWeb(b, func(w http.ResponseWriter, _ *http.Request) {
		taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})
	x := startRooms(b, bot.URL, rooms, others)
	for taken.Load() < int64(rooms) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(2 * time.Second) // the marks are written
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	x.Stop()
	return m.HeapAlloc
}
