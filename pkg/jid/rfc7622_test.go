package jid

import "testing"

// The strings of RFC 7622, section 3.5, table 1, with the parts they have.
func TestRFC7622Valid(t *testing.T) {
	for _, tt := range []struct {
		n                       int
		in                      string
		local, domain, resource string
	}{
		{1, "juliet@example.com", "juliet", "example.com", ""},
		{2, "juliet@example.com/foo", "juliet", "example.com", "foo"},
		{3, "juliet@example.com/foo bar", "juliet", "example.com", "foo bar"},
		{4, "juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"},
		{5, `foo\20bar@example.com`, `foo\20bar`, "example.com", ""},
		{6, "fussball@example.com", "fussball", "example.com", ""},
		{7, "fu\u00dfball@example.com", "fu\u00dfball", "example.com", ""},
		{8, "\u03c0@example.com", "\u03c0", "example.com", ""},
		{9, "\u03a3@example.com/foo", "\u03c3", "example.com", "foo"},
		{10, "\u03c3@example.com/foo", "\u03c3", "example.com", "foo"},
		{11, "\u03c2@example.com/foo", "\u03c2", "example.com", "foo"},
		{12, "king@example.com/\u265a", "king", "example.com", "\u265a"},
		{13, "example.com", "", "example.com", ""},
		{14, "example.com/foobar", "", "example.com", "foobar"},
		{15, "a.example.com/b@example.net", "", "a.example.com", "b@example.net"},
		// Table 2 has 18 as invalid; erratum 4560 takes it back.
		{18, "juliet@example.com/ foo", "juliet", "example.com", " foo"},
		// COMPAT: table 2 has these two as invalid, since the IdentifierClass has
		// neither compatibility characters nor symbols.
		{20, "henry\u2163@example.com", "henry\u2173", "example.com", ""},
		{21, "\u265a@example.com", "\u265a", "example.com", ""},
	} {
		j, err := Parse(tt.in)
		if err != nil {
			t.Errorf("%d: %v", tt.n, err)
			continue
		}
		if j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource {
			t.Errorf("%d: Parse(%q) = %q %q %q", tt.n, tt.in, j.Local(), j.Domain(), j.Resource())
		}
	}
	if MustParse("fussball@example.com") == MustParse("fu\u00dfball@example.com") {
		t.Error("6 and 7 are one address")
	}
	if MustParse("\u03a3@example.com") == MustParse("\u03c2@example.com") {
		t.Error("9 and 11 are one address")
	}
}

// The strings of RFC 7622, section 3.5, table 2, but for 18, 20 and 21.
func TestRFC7622Invalid(t *testing.T) {
	for _, tt := range []struct {
		n    int
		in   string
		want string
	}{
		{16, `"juliet"@example.com`, `jid "\"juliet\"@example.com": localpart: contains U+0022 '"'`},
		{17, "foo bar@example.com", `jid "foo bar@example.com": localpart: contains a space`},
		{19, "@example.com/", `jid "@example.com/": localpart: is empty`},
		{22, "juliet@", `jid "juliet@": domainpart: is empty`},
		{23, "/foobar", `jid "/foobar": domainpart: is empty`},
	} {
		j, err := Parse(tt.in)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%d: Parse(%q) = %q, %v; want %s", tt.n, tt.in, j, err, tt.want)
		}
	}
}
