package component_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

const domain = "bot.example.com"

type fixture struct {
	*component.Link
	srv  *componenttest.Server
	logs *observer.ObservedLogs
}

// connect runs a link against an in-process server until the test ends.
func connect(t *testing.T, o component.Options) fixture {
	t.Helper()
	f := run(componenttest.NewServer(t, domain, "secret"), o)
	componenttest.Eventually(t, "connected", func() bool { return f.Status().State == component.Up })
	return f
}

func run(srv *componenttest.Server, o component.Options) fixture {
	core, logs := observer.New(zapcore.InfoLevel)
	o.Keepalive, o.Log = cmp.Or(o.Keepalive, time.Minute), zap.New(core)
	l, _ := srv.Run(o)
	return fixture{l, srv, logs}
}

func message(id, to string) *stanza.Stanza {
	return stanza.Must(stanza.Chat(jid.MustParse("echo@"+domain), jid.MustParse(to), id, "hello "+id))
}

// query is an IQ of type get from the component.
func query(id, to, payload string) *stanza.Stanza {
	return stanza.Must(stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: id, From: jid.MustParse(domain), To: jid.MustParse(to)}, payload, stanza.Limits{}))
}

func TestEveryIQIsAnsweredOnce(t *testing.T) {
	ping := "<ping xmlns='urn:xmpp:ping'/>"
	h := component.HandlerFunc(func(in *component.Incoming) bool {
		switch in.To.Local() {
		case "answers":
			in.Result("")
		case "twice":
			in.Result("")
			in.Result("")
			in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.Gone})
		case "takes":
		case "panics":
			panic("a bug")
		case "later":
			in.Hold()
			go in.Result("")
		default:
			return false
		}
		return true
	})
	f := connect(t, component.Options{Handler: h})
	for _, tc := range []struct{ to, want string }{
		{"answers", "result"}, {"twice", "result"}, {"later", "result"},
		{"nobody", "service-unavailable"}, {"takes", "service-unavailable"}, {"panics", "internal-server-error"},
	} {
		f.srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='u@example.com/r' to='%s@%s'>%s</iq>", tc.to, tc.to, domain, ping))
		got := f.srv.ExpectID(tc.to)
		verdict := got.Type
		if e, ok := got.StanzaError(); ok {
			verdict = string(e.Condition)
		}
		if verdict != tc.want || got.To.String() != "u@example.com/r" || got.From.String() != tc.to+"@"+domain {
			t.Errorf("%s: %s", tc.to, got.XML())
		}
	}
	// None of these is answered: results, errors, and errors of messages.
	f.srv.Send("<iq type='result' id='r' from='u@example.com' to='bot.example.com'/><iq type='error' id='e' from='u@example.com' to='bot.example.com'/>" +
		"<message type='error' id='m' from='u@example.com' to='x@bot.example.com'/><message type='groupchat' id='g' from='r@muc.example.com/n' to='x@bot.example.com'/>")
	// These are: no such handler, and a type that is none.
	f.srv.Send("<message id='q' from='u@example.com' to='x@bot.example.com'><body>hi</body></message><iq type='wrong' id='w' from='u@example.com' to='bot.example.com'/>")
	if e, _ := f.srv.ExpectID("q").StanzaError(); e == nil || e.Condition != stanza.ServiceUnavailable {
		t.Errorf("a message that nobody takes: %v", e)
	}
	if e, _ := f.srv.ExpectID("w").StanzaError(); e == nil || e.Condition != stanza.BadRequest {
		t.Errorf("an iq of a wrong type: %v", e)
	}
	f.srv.Send("<presence type='..' id='p' from='u@example.com/r' to='answers@bot.example.com'/>")
	if got := f.srv.ExpectID("p"); got.Kind != stanza.Presence || got.To.String() != "u@example.com/r" || !isBadRequest(got) {
		t.Errorf("presence of a wrong type: %s", got.XML())
	}
	if rest := f.srv.Received(); len(rest) > 0 {
		t.Errorf("answered though it must not be: %s", rest[0].XML())
	}
	if n := f.Counters.Stray.Load(); n != 2 {
		t.Errorf("%d stray results counted, want 2", n)
	}
}

func isBadRequest(s *stanza.Stanza) bool {
	e, _ := s.StanzaError()
	return e != nil && e.Type == stanza.Modify && e.Condition == stanza.BadRequest
}

// The server's first stanzas come in one segment with its handshake.
func TestFirstStanzasWithTheHandshake(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	srv.Prelude("296<message from='example.com' to='bot.example.com' id='first'><x xmlns='urn:x'/></message>")
	run(srv, component.Options{})
	srv.ExpectID("first")
}

func TestStanzasInPieces(t *testing.T) {
	f := connect(t, component.Options{})
	raw := "<iq type='get' id='slow' from='ü@example.com/r' to='bot.example.com'><a b='>'><![CDATA[</iq>]]></a></iq>"
	for i := range len(raw) {
		f.srv.Send(raw[i : i+1])
	}
	f.srv.ExpectID("slow")
}

func TestBadInputLeavesTheStreamAlone(t *testing.T) {
	f := connect(t, component.Options{Limits: stanza.Limits{MaxBytes: 10_000}})
	from := "from='u@example.com/r' to='x@bot.example.com'"
	f.srv.Send("text between " + "<unknown xmlns='urn:x'/>" + "\n" +
		"<message id='bad' " + from + "><body>\x01</body></message>" +
		"<message id='undeclared' " + from + "><a:b/></message>" +
		"<message id='utf8' " + from + "><body>\xff\xfe</body></message>" +
		"<message id='huge' " + from + "><body>" + strings.Repeat("x", 200_000) + "</body></message>" +
		"<iq type='get' id='deep' " + from + ">" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</iq>" +
		"<message id='namespaces' " + from + ">" + strings.Repeat("<a"+declarations(60)+">", 5) + strings.Repeat("</a>", 5) + "</message>" +
		"<message type='error' id='hugeerror' " + from + "><body>" + strings.Repeat("x", 200_000) + "</body></message>" +
		"<iq type='get' id='good' " + from + "><ping xmlns='urn:xmpp:ping'/></iq>")
	for _, id := range []string{"bad", "undeclared", "utf8", "huge", "deep", "namespaces"} {
		if e, _ := f.srv.ExpectID(id).StanzaError(); e == nil || e.Condition != stanza.NotAcceptable || e.Text == "" {
			t.Errorf("%s: %v", id, e)
		}
	}
	f.srv.ExpectID("good")
	c := &f.Counters
	if c.Malformed.Load() != 5 || c.TooLarge.Load() != 1 || c.Unknown.Load() != 1 {
		t.Errorf("counted %d malformed, %d too large, %d unknown", c.Malformed.Load(), c.TooLarge.Load(), c.Unknown.Load())
	}
	if f.srv.Accepted() != 1 || len(f.srv.Received()) > 0 || len(f.srv.Bad()) > 0 {
		t.Errorf("connections %d, transcript:\n%s", f.srv.Accepted(), f.srv.Transcript())
	}
}

func declarations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " xmlns:p%d='urn:x'", i)
	}
	return b.String()
}

func TestWrongSettingsAreSaidOnce(t *testing.T) {
	streamError := func(condition string) string {
		return "<" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
	}
	for _, tc := range []struct {
		name, refuse, want string
		o                  component.Options
	}{
		{"wrong secret", "", "components[].secret must be the same", component.Options{Secret: secret.New("wrong")}},
		{"unknown domain", streamError("host-unknown"), "does not know bot.example.com", component.Options{}},
		{"conflict", streamError("conflict"), "another connection uses the name", component.Options{}},
		{"client port", streamError("invalid-namespace"), "not the component port", component.Options{}},
		{"nobody there", "", "nothing listens at", component.Options{Addr: "127.0.0.1:1"}},
		{"no such host", "", "cannot be resolved", component.Options{Addr: "no-such-host.invalid:5347"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := componenttest.NewServer(t, domain, "secret")
			srv.Refuse(tc.refuse)
			f := run(srv, tc.o)
			componenttest.Eventually(t, "status", func() bool { return strings.Contains(f.Status().Reason, tc.want) })
			if tc.name != "conflict" {
				componenttest.Eventually(t, "a second attempt", func() bool { return f.Counters.Reconnects.Load() >= 2 })
			}
			count := func() int { return f.logs.FilterMessageSnippet(tc.want).Len() }
			componenttest.Eventually(t, "a line in the log", func() bool { return count() > 0 })
			if logged := count(); logged != 1 {
				t.Errorf("logged %d times, want once: %v", logged, f.logs.All())
			}
			if f.Status().State != component.Down {
				t.Errorf("state %s", f.Status().State)
			}
		})
	}
}

// A connection whose other end went away without a word is given up.
func TestSilentConnection(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	srv.SwallowMarkers(true)
	f := run(srv, component.Options{Keepalive: 40 * time.Millisecond})
	srv.WaitConnected(2)
	componenttest.Eventually(t, "reason", func() bool { return f.logs.FilterMessageSnippet("within two keepalives").Len() > 0 })
}

// Stanzas come in but markers do not come back: somebody shares the name.
func TestSharedName(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	srv.SwallowMarkers(true)
	f := run(srv, component.Options{Keepalive: 200 * time.Millisecond})
	srv.WaitConnected(1)
	componenttest.Eventually(t, "state shared", func() bool {
		_ = srv.TrySend("<message type='error' from='u@example.com' to='bot.example.com'/>")
		return f.Status().State == component.Shared
	})
	if srv.Accepted() != 1 {
		t.Error("the connection was given up, though stanzas came")
	}
	srv.SwallowMarkers(false)
	componenttest.Eventually(t, "state up again", func() bool { return f.Status().State == component.Up })
}

func TestRequest(t *testing.T) {
	f := connect(t, component.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	iq := func(id, to string) *stanza.Stanza { return query(id, to, "<ping xmlns='urn:xmpp:ping'/>") }
	type result struct {
		s   *stanza.Stanza
		err error
	}
	ask := func(ctx context.Context, id, to string) <-chan result {
		ch := make(chan result, 1)
		go func() {
			s, err := f.Request(ctx, iq(id, to))
			ch <- result{s, err}
		}()
		return ch
	}
	answer := func(from, id, typ string) {
		f.srv.Send(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'/>", typ, id, from, domain))
	}

	ch := ask(ctx, "1", "u@example.com/r")
	f.srv.ExpectID("1")
	answer("mallory@example.com/r", "1", "result") // the right id from somebody else
	answer("u@example.com/other", "1", "result")
	answer("u@example.com/r", "2", "result")
	if _, err := f.Request(ctx, iq("1", "u@example.com/r")); !errors.Is(err, gateway.ErrSameID) {
		t.Errorf("the same id twice: %v", err)
	}
	answer("u@example.com/r", "1", "result")
	if r := <-ch; r.err != nil || r.s.From.String() != "u@example.com/r" || r.s.Type != "result" {
		t.Errorf("answer %+v", r)
	}
	if n := f.Counters.Stray.Load(); n != 3 {
		t.Errorf("%d stray answers, want 3", n)
	}

	ch = ask(ctx, "3", "u@example.com/r")
	f.srv.ExpectID("3")
	answer("u@example.com/r", "3", "error")
	if r := <-ch; r.err != nil || r.s.Type != "error" {
		t.Errorf("an error is an answer: %+v", r)
	}

	short, stop := context.WithCancel(ctx)
	ch = ask(short, "4", "u@example.com/r")
	f.srv.ExpectID("4")
	stop()
	if r := <-ch; !errors.Is(r.err, context.Canceled) {
		t.Errorf("deadline: %+v", r)
	}

	ch = ask(ctx, "5", "u@example.com/r")
	f.srv.ExpectID("5")
	f.srv.Drop()
	if r := <-ch; !errors.Is(r.err, gateway.ErrDown) {
		t.Errorf("connection lost: %+v", r)
	}
	f.srv.WaitConnected(2)
	for _, s := range f.srv.Received() {
		t.Errorf("sent again after the reconnect: %s", s.XML())
	}
	c := &f.Counters
	componenttest.Eventually(t, "a second connection", func() bool { return c.Connects.Load() == 2 })
	if answered, not, n := c.Answered.Snapshot().Count, c.Unanswered.Load(), f.Load(); answered != 2 || not != 2 || n.Requests != 0 || n.Unconfirmed != 0 {
		t.Errorf("%d requests are counted as answered and %d as not; in memory is %+v", answered, not, n)
	}
}
