package jid

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// long is as long as a part may be.
var long = strings.Repeat("a", maxPart)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		// Splitting.
		{"a@b/c@d", "a@b/c@d"},
		{"b/c@d/e", "b/c@d/e"},
		{"b//", "b//"},
		{"b/@", "b/@"},
		{"a@b/ c ", "a@b/ c "},

		// Localpart: case, width, normalisation.
		{"Juliet@Example.COM/Balcony", "juliet@example.com/Balcony"},
		{"a!#$%()*+,-.;=?[\\]^_`{|}~@b", "a!#$%()*+,-.;=?[\\]^_`{|}~@b"},
		{"Ｊｕｌｉｅｔ@b", "juliet@b"},
		{"ｶﾞ@b", "ガ@b"},
		{"E\u0301mile@b", "émile@b"},
		{"É@b", "é@b"},
		{"\u212bngstro\u0308m@b", "ångström@b"}, // angstrom sign
		{"\u212aelvin@b", "kelvin@b"},           // kelvin sign
		{"\u2126@b", "ω@b"},                     // ohm sign
		{"\u1e9e@b", "ß@b"},
		{"ΌΔΟΣ@b", "όδοσ@b"}, // no final sigma: case mapping looks at no context
		{"όδος@b", "όδος@b"},
		{"İ@b", "i\u0307@b"},
		{"ı@b", "ı@b"},
		{"\u0301a@b", "\u0301a@b"}, // a combining mark may come first
		{"1é@b", "1é@b"},
		{"אבג@b", "אבג@b"},
		{"אב1@b", "אב1@b"},
		{"l·l@b", "l·l@b"},                  // RFC 5892, appendix A.3
		{"क\u094d\u200dष@b", "क्\u200dष@b"}, // and A.2

		// COMPAT: what the IdentifierClass refuses.
		{"I♥NY@b", "i♥ny@b"},
		{"☕@b/☕", "☕@b/☕"},
		{"Ⓐ@b", "ⓐ@b"},
		{"ﬁ@b", "ﬁ@b"},
		{"a≮@b", "a≮@b"},

		// Domainpart.
		{"example.com.", "example.com"},
		{"EXAMPLE.com./r", "example.com/r"},
		{"a@b.", "a@b"},
		{"localhost", "localhost"},
		{"_xmpp._tcp.example", "_xmpp._tcp.example"},
		{"my_host", "my_host"},
		{"r3---sn-a.example", "r3---sn-a.example"},
		{"192.0.2.1", "192.0.2.1"},
		{"a@[::1]/r", "a@[::1]/r"},
		{"[2001:DB8:0:0::1]", "[2001:db8::1]"},
		{"[::FFFF:192.0.2.1]", "[::ffff:192.0.2.1]"},
		{"xn--bcher-kva.example", "bücher.example"},
		{"XN--BCHER-KVA.example", "bücher.example"},
		{"BÜCHER.example", "bücher.example"},
		{"bu\u0308cher.example", "bücher.example"},
		{"ｅｘａｍｐｌｅ．com", "example.com"},
		{"例。jp", "例.jp"},
		{"例。", "例"},
		{"faß.example", "faß.example"},
		{"Ός.example", "ός.example"},
		{"i♥.example", "i♥.example"},
		{"soft\u00adhyphen.example", "softhyphen.example"},
		{"אב.example", "אב.example"},
		{"_a.bücher.example", "_a.bücher.example"},
		{"Ꭰ.example", "Ꭰ.example"},

		// Resourcepart.
		{"b/É", "b/É"},
		{"b/E\u0301", "b/É"},
		{"b/a\u00a0\u3000b", "b/a  b"},
		{"b/ＡＢ", "b/ＡＢ"}, // no width mapping
		{"b/a＠b／c", "b/a＠b／c"},
		{"b/<&>\"'", "b/<&>\"'"},
		{"b/אa", "b/אa"}, // no bidi rule
		{"b/\u0301", "b/\u0301"},
		{"b/\ufffd", "b/\ufffd"},

		// The strings of RFC 7622, section 3.5, table 1; 13, 14 and 15 have no localpart.
		{"juliet@example.com", "juliet@example.com"},
		{"juliet@example.com/foo", "juliet@example.com/foo"},
		{"juliet@example.com/foo bar", "juliet@example.com/foo bar"},
		{"juliet@example.com/foo@bar", "juliet@example.com/foo@bar"},
		{`foo\20bar@example.com`, `foo\20bar@example.com`},
		{"fussball@example.com", "fussball@example.com"},
		{"fu\u00dfball@example.com", "fu\u00dfball@example.com"},
		{"\u03c0@example.com", "\u03c0@example.com"},
		{"\u03a3@example.com/foo", "\u03c3@example.com/foo"},
		{"\u03c3@example.com/foo", "\u03c3@example.com/foo"},
		{"\u03c2@example.com/foo", "\u03c2@example.com/foo"},
		{"king@example.com/\u265a", "king@example.com/\u265a"},
		{"example.com", "example.com"},
		{"example.com/foobar", "example.com/foobar"},
		{"a.example.com/b@example.net", "a.example.com/b@example.net"},
		// Table 2 has 18 as invalid; erratum 4560 takes it back.
		{"juliet@example.com/ foo", "juliet@example.com/ foo"},
		// COMPAT: table 2 has these two, 20 and 21, as invalid, since the IdentifierClass
		// has neither compatibility characters nor symbols.
		{"henry\u2163@example.com", "henry\u2173@example.com"},
		{"\u265a@example.com", "\u265a@example.com"},

		// Lengths.
		{long + "@" + long + "/" + long, long + "@" + long + "/" + long},
		{strings.Repeat("Ａ", maxPart) + "@b", long + "@b"},
		{long + ".", long},
	} {
		j, err := Parse(tt.in)
		if err != nil || j.String() != tt.want {
			t.Errorf("Parse(%q) = %q, %v; want %q", tt.in, j, err, tt.want)
			continue
		}
		if again, err := Parse(j.String()); err != nil || again != j {
			t.Errorf("Parse(%q) = %q, %v: not what it was", j, again, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ in, part, reason string }{
		// The strings of RFC 7622, section 3.5, table 2, but for 18, 20 and 21.
		{`"juliet"@example.com`, "localpart", `contains U+0022 '"'`},
		{"foo bar@example.com", "localpart", "contains a space"},
		{"@example.com/", "localpart", "is empty"},
		{"juliet@", "domainpart", "is empty"},
		{"/foobar", "domainpart", "is empty"},

		{"", "domainpart", "is empty"},
		{"@", "localpart", "is empty"},
		{"/", "domainpart", "is empty"},
		{"@b", "localpart", "is empty"},
		{"a@/c", "domainpart", "is empty"},
		{"a@b/", "resourcepart", "is empty"},
		{"b/", "resourcepart", "is empty"},

		{"a b@x", "localpart", "contains a space"},
		{" a@x", "localpart", "contains a space"},
		{"a\u00a0b@x", "localpart", "contains a space"},
		{"a\u3000b@x", "localpart", "contains a space"},
		{"a\u2003b@x", "localpart", "contains a space"},
		{"a&b@x", "localpart", "contains U+0026 '&'"},
		{"a'b@x", "localpart", `contains U+0027 '''`},
		{"a:b@x", "localpart", "contains U+003A ':'"},
		{"a<b@x", "localpart", "contains U+003C '<'"},
		{"a>b@x", "localpart", "contains U+003E '>'"},
		{"a＠b@x", "localpart", "contains U+0040 '@'"},
		{"a／b@x", "localpart", "contains U+002F '/'"},
		{"a＂b@x", "localpart", `contains U+0022 '"'`},
		{"a\tb@x", "localpart", "contains the control character U+0009"},
		{"a\x00b@x", "localpart", "contains the control character U+0000"},
		{"a\x7fb@x", "localpart", "contains the control character U+007F"},
		{"a\u0085b@x", "localpart", "contains the control character U+0085"},
		{"a\u2028b@x", "localpart", "contains U+2028, which PRECIS disallows here"},
		{"a\ufffeb@x", "localpart", "contains U+FFFE, which XML forbids"},
		{"a\xffb@x", "localpart", "is not valid UTF-8"},
		{"\xed\xa0\x80@x", "localpart", "is not valid UTF-8"}, // a surrogate
		{"a\u00adb@x", "localpart", "contains U+00AD, which PRECIS disallows here"},
		{"a\u200db@x", "localpart", "contains U+200D, which PRECIS disallows here"},
		{"a\u202eb@x", "localpart", "contains U+202E, which PRECIS disallows here"},
		{"\ue000@x", "localpart", "contains U+E000, which PRECIS disallows here"},
		{"\u0378@x", "localpart", "contains U+0378, which PRECIS disallows here"},
		{"אa@x", "localpart", "breaks the bidi rule of RFC 5893"},
		{"aא@x", "localpart", "breaks the bidi rule of RFC 5893"},
		{"א♥@x", "localpart", "breaks the bidi rule of RFC 5893"},
		{"a" + strings.Repeat("\u0301", 31) + "@x", "localpart", "contains a character that PRECIS disallows where it stands"},
		{long + "a@x", "localpart", "is longer than 1023 octets"},
		{strings.Repeat("é", 512) + "@x", "localpart", "is longer than 1023 octets"},
		{strings.Repeat("a", 1<<20) + "@x", "localpart", "is longer than 1023 octets"},

		{"a@b@c", "domainpart", "contains U+0040 '@'"},
		{"a@b＠c", "domainpart", "contains U+0040 '@'"},
		{"a@b／c", "domainpart", "contains U+002F '/'"},
		{"a@b℀c", "domainpart", "contains U+002F '/'"},
		{"a@b c", "domainpart", "contains a space"},
		{"a@b\u3000c", "domainpart", "contains a space"},
		{"a@b\n", "domainpart", "contains the control character U+000A"},
		{"a@\xff", "domainpart", "is not valid UTF-8"},
		{"a@b!", "domainpart", "contains U+0021 '!'"},
		{"a@é!", "domainpart", "contains U+0021 '!'"},
		{"a@<\u0338", "domainpart", "contains U+226E '≮'"},
		{"a@b:5222", "domainpart", "contains U+003A ':'"},
		{"a@b..c", "domainpart", "contains an empty label"},
		{"a@.b", "domainpart", "contains an empty label"},
		{"a@b..", "domainpart", "contains an empty label"},
		{"a@.", "domainpart", "contains an empty label"},
		{"a@。", "domainpart", "contains an empty label"},
		{"a@\u00ad", "domainpart", "contains an empty label"},
		{"a@xn--", "domainpart", "contains an empty label"},
		{"a@-b", "domainpart", "has a label that begins or ends with a hyphen"},
		{"a@b-.c", "domainpart", "has a label that begins or ends with a hyphen"},
		{"a@é-.c", "domainpart", "has a label that begins or ends with a hyphen"},
		{"a@xn--a-", "domainpart", "is not a valid internationalised name"},
		{"a@xn--\u00e9", "domainpart", "is not a valid internationalised name"},
		{"a@xn--zzzzzzzz99", "domainpart", "is not a valid internationalised name"},
		{"a@א1.1a", "domainpart", "is not a valid internationalised name"},
		{"a@aאa", "domainpart", "is not a valid internationalised name"},
		{"a@aℵ", "domainpart", "has no stable normal form"},
		{"a@b" + strings.Repeat("\u0316", 31), "domainpart", "contains more than 30 combining marks in a row"},
		{"a@xn--xn---epa", "domainpart", "has no stable normal form"},
		{"a@\u0301b", "domainpart", "is not a valid internationalised name"},
		{"a@b\u0378", "domainpart", "contains U+0378, which IDNA disallows"},
		{"a@é\u200d", "domainpart", "is not a valid internationalised name"},
		{"a@" + long + "a", "domainpart", "is longer than 1023 octets"},
		{"a@[::1", "domainpart", "is not an IPv6 address in brackets"},
		{"a@[::1].", "domainpart", "is not an IPv6 address in brackets"},
		{"a@[fe80::1%eth0]", "domainpart", "is not an IPv6 address in brackets"},
		{"a@[192.0.2.1]", "domainpart", "is not an IPv6 address in brackets"},
		{"a@[]", "domainpart", "is not an IPv6 address in brackets"},
		{"a@[", "domainpart", "is not an IPv6 address in brackets"},
		{"a@::1", "domainpart", "contains U+003A ':'"},

		{"b/a\x01", "resourcepart", "contains the control character U+0001"},
		{"b/a\n", "resourcepart", "contains the control character U+000A"},
		{"b/\uffff", "resourcepart", "contains U+FFFF, which XML forbids"},
		{"b/\U0001ffff", "resourcepart", "contains U+1FFFF, which PRECIS disallows here"},
		{"b/\xc0\xaf", "resourcepart", "is not valid UTF-8"}, // an overlong '/'
		{"b/👨\u200d👩", "resourcepart", "contains U+200D, which PRECIS disallows here"},
		{"b/❤\ufe0f", "resourcepart", "contains U+FE0F, which PRECIS disallows here"},
		{"b/" + long + "a", "resourcepart", "is longer than 1023 octets"},
	} {
		j, err := Parse(tt.in)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) = %q, %v; want an *Error", tt.in, j, err)
			continue
		}
		if e.Part != tt.part || e.Reason != tt.reason || e.JID != tt.in {
			t.Errorf("Parse(%q): %v; want %s: %s", tt.in, err, tt.part, tt.reason)
		}
		if !j.IsZero() {
			t.Errorf("Parse(%q) = %q beside an error", tt.in, j)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := Parse(strings.Repeat("é", 1<<20)) // the text of a short address is that of ExampleError
	if text := err.Error(); len(text) > 2*maxQuoted || !utf8.ValidString(text) || !strings.Contains(text, `é"...: domainpart: `) {
		t.Errorf("text of %d octets: %.300s", len(text), text)
	}
	_, err = Parse(strings.Repeat("\xbf", 1<<20))
	if text := err.Error(); !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
}

// The mapping of a full-width separator gives no separator, and that of
// anything else gives no JID that is split otherwise. Nothing is mapped above
// the compatibility ideographs of plane 2.
func TestNoSeparatorFromMapping(t *testing.T) {
	for r := rune(0x80); r < 0x30000; r++ {
		for _, in := range []string{string(r) + "@b", "a" + string(r), "b/" + string(r)} {
			j, err := Parse(in)
			if err != nil {
				continue
			}
			if at, slash := split(j.s); at != j.at || slash != j.slash {
				t.Errorf("Parse(%q) = %q, which splits otherwise", in, j)
			}
			if again, err := Parse(j.s); err != nil || again != j {
				t.Errorf("Parse(Parse(%q)) = %q, %v; want %q", in, again, err, j)
			}
		}
	}
}
