package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// Two components on two servers do not depend on each other.
func TestTwoComponents(t *testing.T) {
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "from "+r.URL.Path)
	})
	one := componenttest.NewServer(t, "one.example.com", "secret")
	two := componenttest.NewServer(t, "two.example.com", "secret")
	addr := one.Addr()
	x := start(t, one, zap.NewNop(), fmt.Sprintf("components: [{domain: one.example.com, server: %q, secret: secret}, {domain: two.example.com, server: %q, secret: secret}]\n", addr, two.Addr()),
		noAuth+fmt.Sprintf("endpoints: [{name: one, component: one.example.com, url: \"%s/one\"}, {name: rest, url: \"%[1]s/rest\"}]\n", bot.URL))
	if got := x.workers[0].Endpoint().Hosts; !slices.Equal(got, x.cfg.OwnHosts()) {
		t.Errorf("an endpoint has %v", got)
	}
	send := func(from, id string, want int) {
		t.Helper()
		x.request("POST", "/rest", fmt.Sprintf(`{"from":%q,"to":"u@example.com","id":%q,"body":"x"}`, from, id), want, "")
	}
	echo := func(srv *componenttest.Server, domain, id, want string) {
		t.Helper()
		srv.Send("<message type='chat' id='" + id + "' from='u@example.com/r' to='bot@" + domain + "'><body>hi</body></message>")
		srv.Expect("a reply from "+domain, func(s *stanza.Stanza) bool {
			body, _ := s.Body()
			return s.Type == "chat" && s.From.Local() == "bot" && body == want
		})
	}
	echo(one, "one.example.com", "1", "from /one")
	echo(two, "two.example.com", "2", "from /rest")
	x.request("GET", "/readyz", "", 200, "")
	send("", "x", 422)

	one.Close()
	harness.Eventually(t, "the end of one server is noticed", func() bool { return !x.links["one.example.com"].Connected() })
	if status, body := x.call("", "GET", "/readyz", ""); status != 503 || !strings.Contains(body, "one.example.com") || strings.Contains(body, "two.example.com") {
		t.Errorf("readyz %d %s", status, body)
	}
	echo(two, "two.example.com", "3", "from /rest")
	send("bot@two.example.com", "to-two", 202)
	two.ExpectID("to-two")
	send("bot@one.example.com", "to-one", 202) // into the outbox
	one = componenttest.Start(t, addr, "one.example.com", "secret")
	defer one.Close()
	one.ExpectID("to-one")
	echo(one, "one.example.com", "4", "from /one")
	if bad := append(one.Bad(), two.Bad()...); len(bad) > 0 {
		t.Errorf("the servers got %q", bad)
	}
}
