package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// Two components on two servers do not depend on each other.
func TestTwoComponents(t *testing.T) {
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "from "+r.URL.Path)
	}))
	defer bot.Close()
	one := componenttest.NewServer(t, "one.example.com", "secret")
	two := componenttest.NewServer(t, "two.example.com", "secret")
	addr := one.Addr()
	cfg, err := config.Parse("test.yaml", fmt.Appendf(nil, `
components: [{domain: one.example.com, server: %q, secret: secret}, {domain: two.example.com, server: %q, secret: secret}]
endpoints: [{name: one, component: one.example.com, url: "%s/one"}, {name: rest, url: "%s/rest"}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, addr, two.Addr(), bot.URL, bot.URL, t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Start(t.Context(), cfg, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop()
	for _, l := range a.links {
		if err := l.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get("http://" + a.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	send := func(from, id string) int {
		t.Helper()
		resp, err := http.Post("http://"+a.Addr+"/rest", "application/json", strings.NewReader(fmt.Sprintf(`{"from":%q,"to":"u@example.com","id":%q,"body":"x"}`, from, id)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	echo := func(srv *componenttest.Server, domain, id, want string) {
		t.Helper()
		srv.Send("<message type='chat' id='" + id + "' from='u@example.com/r' to='bot@" + domain + "'><body>hi</body></message>")
		for {
			reply := srv.Expect("a reply from "+domain, func(s *stanza.Stanza) bool { return s.Type == "chat" && s.From.Local() == "bot" })
			if body, _ := reply.Body(); body == want {
				return
			}
		}
	}
	echo(one, "one.example.com", "1", "from /one")
	echo(two, "two.example.com", "2", "from /rest")
	if status, body := get("/readyz"); status != 200 {
		t.Errorf("readyz %d %s", status, body)
	}
	if status := send("", "x"); status != 422 {
		t.Errorf("without from, two components: %d", status)
	}

	one.Close()
	for deadline := time.Now().Add(10 * time.Second); a.links["one.example.com"].Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the end of one server was not noticed")
		}
	}
	if status, body := get("/readyz"); status != 503 || !strings.Contains(body, "one.example.com") || strings.Contains(body, "two.example.com") {
		t.Errorf("readyz %d %s", status, body)
	}
	echo(two, "two.example.com", "3", "from /rest")
	if status := send("bot@two.example.com", "to-two"); status != 202 {
		t.Errorf("over the other link: %d", status)
	}
	two.ExpectID("to-two")
	if status := send("bot@one.example.com", "to-one"); status != 202 {
		t.Errorf("into the outbox: %d", status)
	}
	one = componenttest.Start(t, addr, "one.example.com", "secret")
	defer one.Close()
	one.ExpectID("to-one")
	echo(one, "one.example.com", "4", "from /one")
	if bad := append(one.Bad(), two.Bad()...); len(bad) > 0 {
		t.Errorf("the servers got %q", bad)
	}
}
