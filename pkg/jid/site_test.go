package jid

import "testing"

func TestSite(t *testing.T) {
	for address, want := range map[string]string{
		"a@evil.example":             "evil.example",
		"a@b.c.evil.example/x":       "evil.example",
		"a@b.evil.co.uk":             "evil.co.uk",
		"co.uk":                      "co.uk",
		"a@b.mallory.dyndns.org":     "mallory.dyndns.org",
		"localhost":                  "localhost",
		"a@b.c.lan":                  "c.lan",
		"a@b.公司.cn":                  "b.公司.cn",
		"a@x.b.公司.cn":                "b.公司.cn",
		"a@x.bücher.example":         "bücher.example",
		"a@192.0.2.1":                "192.0.2.1",
		"a@[2001:db8:1:2:3::4]":      "[2001:db8:1:2::]",
		"a@[2001:db8:1:2:ffff::1]/x": "[2001:db8:1:2::]",
	} {
		if got := FromServer(address).Site(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := (JID{}).Site(); got != "" {
		t.Error(got)
	}
	j := MustParse("a@b.c.evil.example/x")
	if n := testing.AllocsPerRun(100, func() { j.Site() }); n > 1 { // an error of netip, in the list
		t.Errorf("%v allocations", n)
	}
}

func TestBeside(t *testing.T) {
	for _, tc := range []struct {
		component, address string
		want               bool
	}{
		{"bot.example.com", "echo@bot.example.com", true},
		{"bot.example.com", "alice@example.com/x", true},
		{"bot.example.com", "room@rooms.example.com", true},
		{"bot.example.com", "alice@a.b.example.com", true},
		{"bot.example.com", "a@sub.bot.example.com", true},
		{"bot.chat.example.com", "alice@example.com", true},
		{"bot.chat.example.com", "alice@evil.example.com", false},
		{"bot.example.com", "alice@badexample.com", false},
		{"bot.example.com", "alice@com", false},
		{"bot.localhost", "alice@localhost", true},
		{"bot.localhost", "alice@other.localhost", false},
		{"example.com", "alice@evil.com", false},
		{"example", "alice@elsewhere", false},
		// anybody may have a name below these
		{"bot.co.uk", "room@evil.co.uk", false},
		{"mybot.dyndns.org", "room@evil.dyndns.org", false},
		{"bot.me.dyndns.org", "room@rooms.me.dyndns.org", true},
		{"bot.me.dyndns.org", "room@dyndns.org", false},
	} {
		if got := MustParse(tc.address).Beside(MustParse(tc.component)); got != tc.want {
			t.Errorf("%s, %s: %v", tc.component, tc.address, got)
		}
	}
}

func TestParty(t *testing.T) {
	bot := MustParse("echo@bot.example.com")
	for address, want := range map[string]string{
		"alice@example.com/phone":     "alice@example.com",
		"room@rooms.example.com/nick": "room@rooms.example.com",
		"mallory@a.b.evil.example/x":  "evil.example",
	} {
		if got := MustParse(address).Party(bot); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
