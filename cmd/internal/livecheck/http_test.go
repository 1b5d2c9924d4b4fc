package livecheck

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"stanzahook/pkg/outbound"
)

// The advice to start a program is not given where another answers, or where the name leads
// nowhere.
func TestReachable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("connection refused"), "start the bot, or correct endpoints[].url"},
		{outbound.ErrSpeaksHTTP, "correct endpoints[].url"},
		{outbound.ErrWantsTLS, "correct endpoints[].url"},
		{fmt.Errorf("dial: %w", &net.DNSError{Name: "bot.invalid", IsNotFound: true}), "correct endpoints[].url, or let the DNS know the name"},
	} {
		if got := reachable(c.err, "the bot", "endpoints[].url"); got != c.want {
			t.Errorf("%v: %q", c.err, got)
		}
	}
}
