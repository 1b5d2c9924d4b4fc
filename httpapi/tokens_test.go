package httpapi_test

import (
	"crypto/sha256"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func TestRateLimit(t *testing.T) {
	f := start(t, httpapi.Options{Rate: httpapi.RateLimit{PerSecond: 1, Burst: 2}, Tokens: []httpapi.Token{{Name: "other", Hash: sha256.Sum256([]byte("x"))}}}, ok)
	statuses := make([]int, 3)
	for i := range statuses {
		resp, body := f.do(t, "POST", "/things", "")
		if statuses[i] = resp.StatusCode; i == 2 && resp.StatusCode != 200 { // it may have taken a second to get here
			isProblem(t, resp, body, 429)
			if resp.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
			}
		}
	}
	if statuses[0] != 200 || statuses[1] != 200 {
		t.Errorf("%v", statuses)
	}
	if resp, _ := f.do(t, "POST", "/things", "", "Authorization", "Bearer x"); resp.StatusCode != 200 {
		t.Errorf("another token: %d", resp.StatusCode)
	}
	if resp, _ := f.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("healthz: %d", resp.StatusCode)
	}
}

func TestSetTokens(t *testing.T) {
	one := func(token string) []httpapi.Token {
		return []httpapi.Token{{Name: token, Hash: sha256.Sum256([]byte(token))}}
	}
	s := httpapi.New(httpapi.Options{Tokens: one("a")}, mountOf(ok))
	status := func(token string) int {
		r := httptest.NewRequest("GET", "/things/1", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if status("a") != 200 || status("b") != 403 {
		t.Error("before")
	}
	var wg sync.WaitGroup
	wg.Go(func() { // for the race detector
		for range 100 {
			status("a")
		}
	})
	for range 100 {
		s.SetTokens(one("b"))
	}
	wg.Wait()
	if status("a") != 403 || status("b") != 200 {
		t.Error("after")
	}
	s.SetTokens(nil)
	if status("b") != 403 {
		t.Error("none")
	}
}

func TestSender(t *testing.T) {
	g, err := jid.ParseGlob("*@bot.example.com")
	if err != nil {
		t.Fatal(err)
	}
	bot, news := jid.MustParse("bot.example.com"), jid.MustParse("news.example.com")
	free := httpapi.NewIdentity("free", jid.JID{}, []string{"send"}, nil)
	bound := httpapi.NewIdentity("bound", jid.JID{}, []string{"send"}, []jid.Glob{g})
	own := httpapi.NewIdentity("own", jid.MustParse("a@bot.example.com"), []string{"send"}, []jid.Glob{g})
	for _, c := range []struct {
		who     httpapi.Identity
		from    string
		domains []jid.JID
		want    string
		status  int
	}{
		{free, "", []jid.JID{bot}, "bot.example.com", 0},
		{free, "", []jid.JID{bot, news}, "", 400},
		{free, "", nil, "", 400},
		{free, "x@news.example.com/r", []jid.JID{bot, news}, "x@news.example.com/r", 0},
		{free, "x@example.com", []jid.JID{bot}, "", 403},
		{bound, "b@bot.example.com/r", []jid.JID{bot}, "b@bot.example.com/r", 0},
		{bound, "", []jid.JID{news}, "", 403},
		{own, "", []jid.JID{bot, news}, "a@bot.example.com", 0},
		{own, "x@news.example.com", []jid.JID{bot, news}, "", 403},
	} {
		from := jid.JID{}
		if c.from != "" {
			from = jid.MustParse(c.from)
		}
		got, f := c.who.Sender(from, c.domains)
		if c.status != 0 {
			if f == nil || f.Status != c.status || !strings.HasPrefix(f.Text, "from: ") {
				t.Errorf("%s %q: %v", c.who.Name, c.from, f)
			}
			continue
		}
		if f != nil || got.String() != c.want {
			t.Errorf("%s %q: %s %v", c.who.Name, c.from, got, f)
		}
	}
}

func TestMaySend(t *testing.T) {
	const privileged = "<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>"
	for _, c := range []struct {
		scopes, xml string
		ok          bool
	}{
		{"send", "<message/>", true}, {"query", "<message/>", false}, {"send", "<presence/>", true},
		{"send", "<iq type='get'/>", false}, {"query", "<iq type='get'/>", true},
		{"send", privileged, false}, {"admin", privileged, false}, {"send admin", privileged, true},
	} {
		s, err := stanza.Parse(c.xml, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		who := httpapi.NewIdentity("x", jid.JID{}, strings.Fields(c.scopes), nil)
		if f := who.MaySend(s); (f == nil) != c.ok || f != nil && f.Status != 403 {
			t.Errorf("%s: %s: %v", c.scopes, c.xml, f)
		}
	}
}
