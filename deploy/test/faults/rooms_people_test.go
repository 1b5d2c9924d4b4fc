//go:build integration

package faults

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// roomNick is the bot's in all rooms.
const roomNick = "Echo"

// gathering is people who talk in rooms, and what they see of it and of the bot.
type gathering struct {
	t     *testing.T
	s     *lab.Server
	rooms []string // addresses
	names []string

	mu      sync.Mutex
	clients []*lab.Client
	inside  map[string]bool // person and room
	turn    int
	said    []string            // all texts, whether a room had them or not
	order   map[string][]string // by room: as people saw them first
	seen    map[string]bool     // by text
	visits  map[string]*visit   // by person and room: of the bot, in this fault
	ghosts  int                 // errors in the bot's name
}

// visit is what somebody sees of the bot in a room.
type visit struct {
	there         bool
	joins, leaves int
}

func gather(t *testing.T, s *lab.Server, rooms []string, names ...string) *gathering {
	t.Helper()
	g := &gathering{t: t, s: s, rooms: rooms, names: names, order: make(map[string][]string), seen: make(map[string]bool)}
	g.come()
	return g
}

// come logs people in, and into all rooms.
func (g *gathering) come() {
	g.t.Helper()
	g.mu.Lock()
	g.inside, g.clients, g.visits = make(map[string]bool), nil, make(map[string]*visit)
	g.mu.Unlock()
	for _, name := range g.names {
		u := harness.Login(g.t, g.s, name)
		g.mu.Lock()
		g.clients = append(g.clients, u.Client)
		g.mu.Unlock()
		go g.read(name, u.Client)
		for _, room := range g.rooms {
			u.Send("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room, name)
		}
	}
	harness.Eventually(g.t, "people are in all rooms", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.inside) == len(g.rooms)*len(g.names)
	})
}

func (g *gathering) read(name string, c *lab.Client) {
	for {
		r, err := c.Next(context.Background(), func(r lab.Received) bool { return r.Kind != "iq" && !strings.Contains(r.Inner, "urn:xmpp:mam:2") })
		if err != nil {
			return // the connection has ended
		}
		room, nick, _ := strings.Cut(r.From, "/")
		g.mu.Lock()
		switch {
		case r.Kind == "message" && r.Type == "error":
			if nick == roomNick {
				g.ghosts++
			}
		case r.Kind == "message" && r.Type == "groupchat" && r.Body != "" && !g.seen[r.Body]:
			g.seen[r.Body] = true
			g.order[room] = append(g.order[room], r.Body)
		case r.Kind == "presence" && nick == roomNick:
			g.visit(name, room).sees(r.Type, g.inside[name+" "+room])
		case r.Kind == "presence" && nick == name && r.Type == "":
			g.inside[name+" "+room] = true
		}
		g.mu.Unlock()
	}
}

func (g *gathering) visit(name, room string) *visit {
	v := g.visits[name+" "+room]
	if v == nil {
		v = &visit{}
		g.visits[name+" "+room] = v
	}
	return v
}

// sees notes a presence of the bot; who is not inside yet gets to know who is there.
func (v *visit) sees(typ string, inside bool) {
	switch {
	case typ == "unavailable" && v.there:
		v.there = false
		v.leaves++
	case typ == "" && !v.there:
		v.there = true
		if inside {
			v.joins++
		}
	}
}

// begin begins to count what people see of the bot.
func (g *gathering) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ghosts = 0
	for _, v := range g.visits {
		v.joins, v.leaves = 0, 0
	}
}

// end checks that they saw at most one leave and one join of it, and that it is there.
func (g *gathering) end(what string) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, v := range g.visits {
		if v.joins > 1 || v.leaves > 1 || !v.there {
			g.t.Errorf("%s: %s saw %d leaves and %d joins of the bot; there at the end: %v", what, who, v.leaves, v.joins, v.there)
		}
	}
}

// say lets each room hear so many more messages, of people in turn; a connection that is
// lost says nothing. It returns the texts.
func (g *gathering) say(n int) (texts []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range n {
		g.turn++
		for i, room := range g.rooms {
			text := fmt.Sprintf("%d-%d", i, g.turn)
			if g.clients[(i+g.turn)%len(g.clients)].SendRaw(fmt.Sprintf("<message to='%s' type='groupchat' id='m%s'><body>%s</body></message>", room, text, text)) == nil {
				texts = append(texts, text)
			}
		}
	}
	g.said = append(g.said, texts...)
	return texts
}

// awaitSeen waits until people have seen all of some texts.
func (g *gathering) awaitSeen(texts []string) {
	g.t.Helper()
	g.awaitSome(texts, len(texts))
}

func (g *gathering) awaitSome(texts []string, n int) {
	g.t.Helper()
	harness.Eventually(g.t, fmt.Sprintf("%d of %d messages are seen", n, len(texts)), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		seen := 0
		for _, text := range texts {
			if g.seen[text] {
				seen++
			}
		}
		return seen >= n
	})
}

func (g *gathering) countGhosts() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ghosts
}

var (
	archivedBody = regexp.MustCompile(`<body>([0-9]+-[0-9]+)</body>`)
	lastOfPage   = regexp.MustCompile(`<last>([^<]*)</last>`)
)

// archive returns the texts that a room's archive has (XEP-0313), in its order.
func (g *gathering) archive(room string) (texts []string) {
	g.t.Helper()
	u := harness.User{Client: g.clients[0], T: g.t}
	after := ""
	for page := 0; ; page++ {
		id := fmt.Sprintf("%s-%d-%d", room, page, time.Now().UnixNano())
		u.Send("<iq type='set' id='%s' to='%s'><query xmlns='urn:xmpp:mam:2' queryid='%[1]s'><set xmlns='http://jabber.org/protocol/rsm'><max>50</max>%[3]s</set></query></iq>", id, room, after)
		var fin lab.Received
		for fin.Kind == "" {
			r := u.Await("the archive of "+room, func(r lab.Received) bool {
				return r.Kind == "iq" && r.ID == id || r.Kind == "message" && strings.Contains(r.Inner, id)
			})
			if r.Kind == "iq" {
				fin = r
			} else if body := archivedBody.FindStringSubmatch(r.Inner); body != nil {
				texts = append(texts, body[1])
			}
		}
		last := lastOfPage.FindStringSubmatch(fin.Inner)
		if fin.Type != "result" {
			g.t.Fatalf("the archive of %s: %+v", room, fin)
		}
		if last == nil || strings.Contains(fin.Inner, "complete='true'") || strings.Contains(fin.Inner, `complete="true"`) {
			return texts
		}
		after = "<after>" + last[1] + "</after>"
	}
}
