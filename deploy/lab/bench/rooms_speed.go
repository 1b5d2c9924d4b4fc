//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/pkg/stanza"
)

const (
	manyRooms     = 1000
	roomOccupants = 10
)

// keptRooms is the YAML of bots in rooms.
func keptRooms(n int, more string) string {
	var b strings.Builder
	b.WriteString("rooms:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {jid: r%d@rooms.localhost, from: e0@load.localhost, nick: Echo%s}\n", i, more)
	}
	return b.String()
}

// joinedRooms counts the joins of a program, and connects those of its link.
func joinedRooms(p *harness.Program) int { return strings.Count(p.Log.String(), `"msg":"room joined"`) }
func connects(p *harness.Program) int    { return strings.Count(p.Log.String(), `"msg":"connected"`) }

func awaitJoined(t testing.TB, p *harness.Program, n int) {
	t.Helper()
	harness.Await(t, fmt.Sprint(n, " joins"), 2*time.Minute, func() bool { return joinedRooms(p) >= n })
}

// roomsCost measures what rooms cost us, with an in-process peer in the place of server and
// rooms: the CPU of a message of a room beside that of a chat message, and the memory of a thousand
// rooms with ten occupants each, right after the joins and at rest. The two kinds of messages take turns
// of a tenth of a second, as a machine that others use is faster or slower for longer than that.
func roomsCost(t testing.TB) {
	const turns, events, window, rooms = 100, 2_000, 100, 100
	var chat, groupchat, more, memory, rest []float64
	for range load.BenchRounds(t) {
		empty, full := residentInRooms(t, 1), residentInRooms(t, manyRooms)
		memory, rest = append(memory, full.joined-empty.joined), append(rest, full.rest-empty.rest)
		inRooms(t, rooms, func(p *harness.Program, send func(string), taken func() int) {
			deliver := func(message func(i int) string, n int) {
				begin := taken()
				for sent := 0; sent < n; {
					for ; sent < n && sent-(taken()-begin) < window; sent++ {
						send(message(sent))
					}
					time.Sleep(100 * time.Microsecond)
				}
				harness.Await(t, "all events are delivered", time.Minute, func() bool { return taken()-begin >= n })
			}
			cost := func(message func(i int) string) float64 {
				deliver(message, events/10) // to warm up
				before := harness.ProcessCPU(p.Cmd.Process.Pid)
				deliver(message, events)
				return (harness.ProcessCPU(p.Cmd.Process.Pid) - before) / events
			}
			n := 0
			inChat := func(i int) string {
				n++
				return fmt.Sprintf("<message type='chat' id='c%d' from='u%d@localhost/r' to='e0@load.localhost'><body>what was said is %[1]d</body></message>", n, i%rooms)
			}
			inRoom := func(i int) string {
				n++
				return fmt.Sprintf("<message type='groupchat' id='g%d' from='r%d@rooms.localhost/n%d' to='e0@load.localhost/room'><body>what was said is %[1]d</body></message>", n, i%rooms, i%roomOccupants)
			}
			for turn := range turns {
				var one, other float64
				if turn%2 == 0 { // each is first as often
					one, other = cost(inChat), cost(inRoom)
				} else {
					other = cost(inRoom)
					one = cost(inChat)
				}
				chat, groupchat, more = append(chat, one), append(groupchat, other), append(more, other-one)
			}
		})
	}
	load.KeepFigures(t, "rooms", []load.Figure{
		load.NewFigure("rooms", "", "CPU of a chat event", "µs", chat, nil),
		load.NewFigure("rooms", "", "CPU of a groupchat event", "µs", groupchat, chat),
		load.NewFigure("rooms", "", "CPU of a groupchat event, more than of a chat event", "µs", more, nil),
		load.NewFigure("rooms", "", fmt.Sprintf("memory of %d rooms with %d occupants", manyRooms, roomOccupants), "MiB", memory, nil),
		load.NewFigure("rooms", "", fmt.Sprintf("memory of %d rooms with %d occupants, at rest", manyRooms, roomOccupants), "MiB", rest, nil),
	})
}

// resident is the memory of a program in MiB: when all rooms are joined, and half a minute later.
type resident struct{ joined, rest float64 }

func residentInRooms(t testing.TB, rooms int) (r resident) {
	inRooms(t, rooms, func(p *harness.Program, _ func(string), _ func() int) {
		began := time.Now()
		r.joined = float64(p.Resident()) / (1 << 20)
		time.Sleep(time.Until(began.Add(30 * time.Second))) // at rest is what is measured
		r.rest = float64(p.ResidentNow()) / (1 << 20)
	})
	return r
}

// inRooms runs the program with so many rooms, and what is to be done with it when all are joined.
func inRooms(t testing.TB, rooms int, do func(p *harness.Program, send func(string), taken func() int)) {
	var taken atomic.Int64
	bot := listenHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			taken.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	peer := componenttest.NewServer(t, "load.localhost", harness.Secret)
	defer peer.Close()
	peer.Answer(roomAnswer)
	p, _ := startWith(t, t.TempDir(), peer.Addr(), fmt.Sprintf("  - {name: e0, url: \"http://%s/\"}\n", bot)+keptRooms(rooms, ""))
	defer p.Stop()
	awaitJoined(t, p, rooms)
	harness.Await(t, "the bot heard of the joins", time.Minute, func() bool { return int(taken.Load()) >= rooms })
	do(p, peer.Send, func() int { return int(taken.Load()) })
}

// roomAnswer is what a service for rooms answers to a join, and to the question what a room is.
func roomAnswer(s *stanza.Stanza) string {
	switch {
	case s.Kind == stanza.Presence && s.Type == "":
		var b strings.Builder
		for i := range roomOccupants {
			fmt.Fprintf(&b, "<presence from='%s/n%d' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>", s.To.Bare(), i, s.From)
		}
		fmt.Fprintf(&b, "<presence from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence><message type='groupchat' from='%s' to='%[2]s'><subject/></message>", s.To, s.From, s.To.Bare())
		return b.String()
	case s.Kind == stanza.IQ:
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", s.ID, s.To, s.From)
	}
	return ""
}

// roomsSpeed measures on a real server how long it takes after a connect until the bot is in
// its thousand rooms again, with and without archives; and how late an answer of the bot is
// that somebody waits for meanwhile, beside what it takes when nothing else happens.
func roomsSpeed(t testing.TB, kind lab.Kind) {
	var figures []load.Figure
	for _, archive := range []bool{false, true} {
		name, config := fmt.Sprintf("%d rooms joined again", manyRooms), ""
		if archive {
			name += ", with archives"
			config = map[lab.Kind]string{lab.Prosody: "enablearchiving: true", lab.Ejabberd: "mam: true"}[kind]
		}
		m := measureRejoins(t, kind, config)
		figures = append(figures,
			load.NewFigure(name, string(kind), "until all are joined", "s", m.took, nil),
			load.NewFigure(name, string(kind), "answer of the bot meanwhile, p99", "ms", m.beside, nil),
			load.NewFigure(name, string(kind), "answer of the bot before, p99", "ms", m.calm, nil))
	}
	load.KeepFigures(t, "rooms-"+string(kind), figures)
}

// rejoins are figures of several rounds: s, ms, ms.
type rejoins struct{ took, beside, calm []float64 }

func measureRejoins(t testing.TB, kind lab.Kind, config string) (m rejoins) {
	s, err := lab.Start(t.Context(), harness.WithManyRooms(harness.ServerOptions(kind, "load")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bot := listenHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(raw), `"type":"message.chat"`) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, rest, _ := strings.Cut(string(raw), `"body":"`)
		text, _, _ := strings.Cut(rest, `"`)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"body":%q}`, text)
	}))
	way := harness.NewRelay(t, s.ComponentAddr())
	more := ", create: true"
	if config != "" {
		more += ", config: {" + config + "}"
	}
	p, _ := startWith(t, t.TempDir(), way.Addr(), fmt.Sprintf("  - {name: e0, url: \"http://%s/\"}\n", bot)+keptRooms(manyRooms, more))
	defer p.Stop()
	awaitJoined(t, p, manyRooms)
	user := harness.Login(t, s, "alice")
	n := 0
	ask := func() float64 {
		n++
		began := time.Now()
		text := fmt.Sprint("ask-", n)
		user.Send("<message type='chat' id='%s' to='other@load.localhost'><body>%[1]s</body></message>", text)
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		defer cancel()
		if _, err := user.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text && r.Type == "chat" }); err != nil {
			t.Fatal(err)
		}
		return float64(time.Since(began).Microseconds()) / 1e3
	}
	for range load.BenchRounds(t) {
		var calm, beside []float64
		for range 300 {
			calm = append(calm, ask())
		}
		joined, links := joinedRooms(p), connects(p)
		way.Cut()
		for connects(p) == links { // nobody tells when it is connected
			time.Sleep(time.Millisecond)
		}
		began, done := time.Now(), make(chan float64)
		go func() {
			for joinedRooms(p) < joined+manyRooms {
				time.Sleep(5 * time.Millisecond)
			}
			done <- time.Since(began).Seconds()
		}()
		for took := 0.0; took == 0; {
			beside = append(beside, ask())
			select {
			case took = <-done:
				m.took = append(m.took, took)
			default:
			}
		}
		m.calm, m.beside = append(m.calm, percentile(calm, 99)), append(m.beside, percentile(beside, 99))
	}
	return m
}

// percentile returns the value that so many of a hundred are not above.
func percentile(values []float64, p int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
