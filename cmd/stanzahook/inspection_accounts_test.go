package main

import (
	"strings"
	"testing"

	"stanzahook/httpapi/v1"
)

// Whether passwords can be checked is tried, and what is wrong is said with the key.
func TestCheckLiveTriesAccounts(t *testing.T) {
	for _, c := range []struct{ server, tls, found, advice string }{
		{free(t), tlsStart, "the XMPP server cannot be asked", "http.basic.accounts.server"},
	} {
		i := &inspection{cfg: &Config{HTTP: HTTPConfig{Basic: BasicConfig{Accounts: AccountsConfig{Server: c.server, TLS: c.tls, Hosts: []string{"example.com"}}}}}}
		got := i.accounts(t.Context(), "example.com")
		if got.Verdict != v1.CheckFail || got.Subject != "example.com" || !strings.Contains(got.Found, c.found) || got.Advice == nil || !strings.Contains(*got.Advice, c.advice) {
			t.Errorf("%s: %+v", c.server, got)
		}
	}
}
