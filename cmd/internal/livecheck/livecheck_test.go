package livecheck

import (
	"net"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// A server that has come up since the last attempt is found, however long the pause is.
func TestTryNow(t *testing.T) {
	srv := componenttest.Start(t, "127.0.0.1:0", "bot.example.com", "secret")
	addr := srv.Addr()
	srv.Close()
	link := component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: addr, Secret: secret.New("secret"), Pace: component.Pace{First: time.Hour, Max: time.Hour, MaxSlow: time.Hour}})
	defer componenttest.Run(t, link)()
	componenttest.Eventually(t, "it has tried in vain", func() bool { return link.Counters.Reconnects.Load() > 1 }) // the second attempt comes at once
	srv = componenttest.Start(t, addr, "bot.example.com", "secret")
	defer srv.Close()
	componenttest.Eventually(t, "it is found", func() bool { return tryNow(t.Context(), link).State == component.Up })
}

func TestClocks(t *testing.T) {
	for apart, want := range map[time.Duration]string{
		3 * time.Second: "our clock is 3s ahead of example.com's",
		-time.Minute:    "our clock is 1m0s behind example.com's",
	} {
		if got := clocks(apart, "example.com"); got != want {
			t.Errorf("%v: %s", apart, got)
		}
	}
}

func TestCanListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if c := canListen(taken.Addr().String()); c.Verdict != "fail" {
		t.Errorf("%+v", c)
	}
}
