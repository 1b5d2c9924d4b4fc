package forward_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

type eventData struct {
	Type string
	Data struct {
		ID, Event, Ref, Text, By, Body string
		RefOf                          string `json:"ref_of"`
		Foreign                        bool
		Emoji                          []string
		Encrypted                      struct{ Name string }
		Stanza                         string
	}
}

// stage is a component with endpoints at a bot that keeps what it gets.
type stage struct {
	*componenttest.Server
	events chan eventData
	unread *forward.Unreadable
}

func newStage(t *testing.T, s *store.Store, endpoints ...*webhook.Endpoint) *stage {
	t.Helper()
	g := &stage{Server: componenttest.NewServer(t, "bot.example.com", "secret"), events: make(chan eventData, 100)}
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var ev eventData
		if err := json.Unmarshal(body, &ev); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		g.events <- ev
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(bot.Close)
	var link *component.Link
	var workers []*delivery.Worker
	for _, e := range endpoints {
		e.URL, e.Queued = bot.URL, true
		w := newWorker(t, e.WithDefaults(), sender{&link})
		require.NoError(t, w.Open(t.Context(), s))
		t.Cleanup(func() { w.Stop(t.Context()) })
		workers = append(workers, w)
	}
	g.unread = forward.NewUnreadable(s.Answered(), sender{&link}, zap.NewNop())
	l, stop := g.Run(component.Options{Handler: forward.New(workers, forward.NewEchoes(), message.NewRecent(message.RecentBytes), g.unread, zap.NewNop())})
	t.Cleanup(stop)
	link = l
	g.WaitConnected(1)
	go g.unread.Run(t.Context())
	return g
}

func (g *stage) next(t *testing.T) eventData {
	t.Helper()
	select {
	case ev := <-g.events:
		return ev
	case <-time.After(time.Minute):
		t.Fatal("no event")
		return eventData{}
	}
}

func globs(t *testing.T, pattern string) []jid.Glob {
	t.Helper()
	g, err := jid.ParseGlob(pattern)
	require.NoError(t, err)
	return []jid.Glob{g}
}

func chat(id, inner string) string {
	return "<message type='chat' id='" + id + "' from='alice@example.com/cli' to='echo@bot.example.com'>" + inner + "</message>"
}

// A message is an event of what it is, tells which message it is about, and goes only where
// it is listed.
func TestMessageEvents(t *testing.T) {
	s := openStore(t)
	defer s.Close()
	g := newStage(t, s, &webhook.Endpoint{Name: "echo", Kinds: []stanza.Kind{stanza.Message}, Timeout: time.Second},
		&webhook.Endpoint{Name: "behind", Events: message.Events(), Timeout: time.Second})
	g.Send(chat("c1", "<body>hello</body>"))
	first := g.next(t)
	g.Send(chat("c2", "<composing xmlns='http://jabber.org/protocol/chatstates'/>")) // not listed, and not for the next endpoint
	g.Send(chat("c3", "<received xmlns='urn:xmpp:receipts' id='c0'/>"))
	g.Send(chat("c4", "<displayed xmlns='urn:xmpp:chat-markers:0' id='c0'/>"))
	g.Send(chat("c5", "<body>hallo</body><replace xmlns='urn:xmpp:message-correct:0' id='c1'/>"))
	correction := g.next(t)
	g.Send(chat("c6", "<reactions xmlns='urn:xmpp:reactions:0' id='c1'><reaction>👍</reaction></reactions>"))
	reaction := g.next(t)
	g.Send(chat("c7", "<retract xmlns='urn:xmpp:message-retract:1' id='other'/><body>gone</body>"))
	retraction := g.next(t)
	ref := first.Data.Ref
	if r, err := message.ParseRef(ref); err != nil || r.ID != "c1" || first.Type != "message.chat" || first.Data.Event != "message" || first.Data.Text != "hello" || first.Data.RefOf != "" {
		t.Errorf("%+v %v", first, err)
	}
	if d := correction.Data; correction.Type != "message.correction" || d.Ref != ref || d.RefOf != ref || d.Foreign || d.Text != "hallo" {
		t.Errorf("%+v", correction)
	}
	if d := reaction.Data; reaction.Type != "message.reaction" || d.RefOf != ref || d.Ref == ref || len(d.Emoji) != 1 {
		t.Errorf("%+v", reaction)
	}
	if d := retraction.Data; retraction.Type != "message.retraction" || !d.Foreign || d.By != "alice@example.com/cli" || d.RefOf == ref {
		t.Errorf("%+v", retraction)
	}
}

const encryptedBody = "<body>I sent you an OMEMO encrypted message</body><encrypted xmlns='eu.siacs.conversations.axolotl'/><encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>"

// A sender of encrypted messages gets an answer once a day, also over restarts; a room gets none.
func TestEncryptedMessages(t *testing.T) {
	s := openStore(t)
	defer s.Close()
	isAnswer := func(x *stanza.Stanza) bool { return x.Kind == stanza.Message }
	play := func(t *testing.T, answered bool) {
		t.Helper()
		g := newStage(t, s, &webhook.Endpoint{Name: "forward", Encrypted: webhook.EncryptedForward, Match: webhook.Match{To: globs(t, "forward@*")}, Timeout: time.Second},
			&webhook.Endpoint{Name: "drop", Encrypted: webhook.EncryptedDrop, Match: webhook.Match{To: globs(t, "drop@*")}, Timeout: time.Second},
			&webhook.Endpoint{Name: "echo", NotReadable: "no keys here", Timeout: time.Second})
		to := func(bot, id, inner string) { g.Send(strings.Replace(chat(id, inner), "to='echo@", "to='"+bot+"@", 1)) }
		to("drop", "e0", encryptedBody)
		g.Send("<message type='groupchat' id='e1' from='lounge@rooms.example.com/Alice' to='echo@bot.example.com'>" + encryptedBody + "</message>")
		g.Send(chat("e2", encryptedBody+"<x xmlns='http://jabber.org/protocol/muc#user'/>")) // privately in a room
		g.Send(chat("e3", encryptedBody))
		g.Send(chat("e4", encryptedBody))
		if answered {
			reply := g.Expect("the answer", isAnswer)
			if body, _ := reply.Body(); body != "no keys here" || reply.To.String() != "alice@example.com/cli" || reply.From.String() != "echo@bot.example.com" {
				t.Errorf("%s", reply.XML())
			}
			componenttest.Eventually(t, "the record", func() bool {
				has, err := s.Answered().Has(t.Context(), store.Conversation("alice@example.com", "echo@bot.example.com"))
				return has && err == nil
			})
		}
		to("forward", "e5", encryptedBody)
		if ev := g.next(t); ev.Type != "message.encrypted" || ev.Data.ID != "e5" || ev.Data.Encrypted.Name != "OMEMO" || ev.Data.Body != "" {
			t.Errorf("%+v", ev)
		}
		// whatever was said before is said now
		g.Send("<iq type='get' id='last' from='alice@example.com/cli' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>")
		for {
			x := g.Expect("the end", func(x *stanza.Stanza) bool { return x.Kind == stanza.Message || x.ID == "last" })
			if x.Kind == stanza.IQ {
				break
			}
			t.Errorf("more is said: %s", x.XML())
		}
		if want := int64(0); answered {
			want = 1
			if n := g.unread.Answers.Load(); n != want {
				t.Errorf("%d answers", n)
			}
		}
	}
	t.Run("the first process", func(t *testing.T) { play(t, true) })
	t.Run("killed, and the next one", func(t *testing.T) { play(t, false) })
}
