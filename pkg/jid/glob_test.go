package jid

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var everyone = mustGlob("*@*")

func mustGlob(s string) Glob {
	g, err := ParseGlob(s)
	if err != nil {
		panic(err)
	}
	return g
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		match   []string
		other   []string
	}{
		{"*", []string{"a", "a@b", "a@b/c", "♥@b"}, nil},
		{"**", []string{"a", "a@b"}, nil},
		{"?", []string{"a", "é"}, []string{"ab", "a@b"}},
		{"a@b", []string{"a@b", "A@B", "a@b/c"}, []string{"b", "aa@b", "a@bb"}},
		{"A@B.", []string{"a@b"}, nil},
		{"example.com",
			[]string{"example.com", "a@example.com", "a@example.com/r", "example.com/r"},
			[]string{"a.example.com", "a@a.example.com", "badexample.com", "a@badexample.com"}},
		{"Example.COM.", []string{"example.com", "a@example.com"}, nil},
		{"xn--bcher-kva.example", []string{"bücher.example", "a@bücher.example"}, nil},
		{"Ꭰ.example", []string{"Ꭰ.example", "a@ꭰ.example"}, nil},
		{"*@example.com", []string{"a@example.com"}, []string{"example.com", "a@b.example.com", "a@example.community"}},
		{"*@Example.COM.", []string{"a@example.com"}, nil},
		{"*.example.com",
			[]string{"a.example.com", "a.b.example.com", "x@a.example.com"},
			[]string{"example.com", "x@example.com", "badexample.com"}},
		{"*@*.example.com", []string{"x@a.example.com"}, []string{"a.example.com", "x@example.com"}},
		{"*.XN--BCHER-KVA.example", []string{"a.bücher.example"}, []string{"bücher.example"}},
		{"*@*.xn--bcher-kva", []string{"a@b.bücher"}, nil},
		{"*。xn--bcher-kva。", []string{"a.bücher"}, nil},
		{"*@BU\u0308CHER.*", []string{"a@bücher.example"}, nil},
		{"ＢＯＴ*@b", []string{"bot@b", "bot-1@b", "Bot1@b"}, []string{"robot@b"}},
		{"Σ*@b", []string{"σa@b", "Σ@b"}, []string{"ς@b"}},
		{"bot-?@b", []string{"bot-1@b", "bot-é@b", "bot-?@b"}, []string{"bot-@b", "bot-12@b"}},
		{"*-??-*@b", []string{"a-12-c@b", "a-1-23-c@b"}, []string{"a-1-c@b"}},
		{"*a?b@c", []string{"axb@c", "aaxb@c", "axbaxb@c"}, []string{"ab@c", "axbb@c"}},
		{"a*a@b", []string{"aa@b", "aba@b"}, []string{"a@b"}},
		{"*ab*ab*", []string{"abab", "xabyabz"}, []string{"ab", "aab", "xab"}},
		{"what?@b", []string{"what?@b", "what!@b"}, []string{"what@b"}},
		{"a@[2001:DB8::*]", []string{"a@[2001:db8::1]"}, nil},
		{"admin*", []string{"admin@a", "administrator@b", "admin.example"}, []string{"sysadmin@a"}},
	} {
		g, err := ParseGlob(tt.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		if g.String() != tt.pattern {
			t.Errorf("%q: String() = %q", tt.pattern, g)
		}
		for _, s := range tt.match {
			if !g.Match(MustParse(s)) {
				t.Errorf("%q does not match %q", tt.pattern, s)
			}
		}
		for _, s := range tt.other {
			if g.Match(MustParse(s)) {
				t.Errorf("%q matches %q", tt.pattern, s)
			}
		}
		if g.Match(JID{}) {
			t.Errorf("%q matches the zero JID", tt.pattern)
		}
	}
	if (Glob{}).Match(MustParse("a")) {
		t.Error("the zero Glob matches")
	}
}

// A JID that could not be normalised is still matched.
func TestGlobFromServer(t *testing.T) {
	for _, tt := range []struct {
		pattern, jid string
		want         bool
	}{
		{"*", "A b@X", true},
		{"x", "A b@X", true},
		{"a?b@x", "A b@X/r", true},
		{"É*@x", "É b@X", true},
		{"*", "\xff@x", true},
		{"*", "@", true},
		{"?@x", "\xff@x", true},
		{"*", "/r", false},
		{"y", "A b@X", false},
	} {
		if got := mustGlob(tt.pattern).Match(FromServer(tt.jid)); got != tt.want {
			t.Errorf("%q, %q: %t", tt.pattern, tt.jid, got)
		}
	}
}

func TestGlobErrors(t *testing.T) {
	for _, tt := range []struct{ pattern, part, reason string }{
		{"", "domainpart", "is empty"},
		{"a b@c", "localpart", "contains a space"},
		{"a@b/c", "pattern", "names a resource"},
		{"*@b/c", "pattern", "names a resource"},
		{"*@b／c", "pattern", "names a resource"},
		{"*@b/*", "pattern", "names a resource"},
		{"@*", "pattern", "has nothing before or after the '@'"},
		{"*@", "pattern", "has nothing before or after the '@'"},
		{"*@a@b", "pattern", "contains U+0040 '@' twice"},
		{"* @b", "pattern", "contains a space"},
		{"*\n", "pattern", "contains the control character U+000A"},
		{"*\xff", "pattern", "is not valid UTF-8"},
		{"*.xn--a-", "pattern", "is not a valid internationalised name"},
		{"*" + long + long + "a", "pattern", "is longer than a bare JID"},
		{"*" + strings.Repeat(long, 5), "pattern", "is longer than a bare JID"},
	} {
		_, err := ParseGlob(tt.pattern)
		var e *Error
		if !errors.As(err, &e) || e.Part != tt.part || e.Reason != tt.reason || e.JID != tt.pattern {
			t.Errorf("ParseGlob(%.40q): %v; want %s: %s", tt.pattern, err, tt.part, tt.reason)
		}
	}
}

// Patterns that take a backtracking matcher more than the age of the universe.
func TestGlobIsLinear(t *testing.T) {
	start := time.Now()
	j := MustParse(long + "@" + long)
	for _, pattern := range []string{
		strings.Repeat("a*", 100) + "b",
		strings.Repeat("*a?", 100) + "b*",
		strings.Repeat("*?a", 100) + "*" + strings.Repeat("?", 900) + "b*",
	} {
		if mustGlob(pattern).Match(j) {
			t.Errorf("%s matches", pattern)
		}
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func BenchmarkGlob(b *testing.B) {
	j := MustParse("juliet@rooms.example.com/balcony")
	for _, pattern := range []string{"*", "example.com", "*@rooms.example.com", "*.example.com", "j?l*@*.com"} {
		g := mustGlob(pattern)
		b.Run(pattern, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Match(j)
			}
		})
	}
}
