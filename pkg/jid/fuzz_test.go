package jid

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

var seeds = []string{
	"", "@", "/", "@/", "juliet@example.com/foo bar", "Juliet@Example.COM./ r ", "a@b@c/d@e/f",
	"\u03a3\u03c2@example.com", "İ@İ.x/İ", "fußball@faß.de", "♚@i♥.x/♚", "henry\u2163@x", "a＠b／c@x", "a@b＠c／d℀",
	"ｶﾞ@ｶﾞ", "E\u0301@E\u0301/E\u0301", "\u212b\u2126\u212a@\u212b", "<\u0338@<\u0338/<\u0338", "\u0301@b/\u0301",
	"אב1@אב.x/אa", "aℵ", "xn--bcher-kva.x", "XN--a-", "xn--xn---foo", "xn--", "a。b．c｡", "[2001:DB8::1]", "[::1%a]",
	"a@\u00ad", "b/👨\u200d👩", "क\u094d\u200dष@b", "\xff@b", "\ufffe", "b/\u2028", "a_b.-c", "Ꭰ@Ꭰ", "a\u3000b@x/y\u3000",
	"a@" + strings.Repeat("\u0301", 40), strings.Repeat("a", 1023) + "@b", strings.Repeat("a", 1024),
}

// checkParsed is what must hold for any JID that Parse gave for in.
func checkParsed(t *testing.T, in string, j JID) {
	t.Helper()
	s := j.String()
	if again, err := Parse(s); err != nil || again != j {
		t.Errorf("Parse(Parse(%q)): %q, %v; want %q", in, again, err, j)
	}
	if slow, err := normalize(s); err != nil || slow != j {
		t.Errorf("%q: without the fast path %q, %v", s, slow, err)
	}
	checkText(t, s)
	built := j.Domain()
	if j.Local() != "" {
		built = j.Local() + "@" + built
	}
	if j.Resource() != "" {
		built += "/" + j.Resource()
	}
	if built != s {
		t.Errorf("Parse(%q) = %q, whose parts make %q", in, s, built)
	}
	for _, part := range []string{j.Local(), j.Domain(), j.Resource()} {
		if len(part) > maxPart {
			t.Errorf("Parse(%q) has a part of %d octets", in, len(part))
		}
	}
	if strings.ContainsAny(j.Local(), notInLocal+" \u00a0\u3000") || strings.ContainsAny(j.Domain(), "@/ ") || j.Domain() == "" {
		t.Errorf("Parse(%q): %q @ %q", in, j.Local(), j.Domain())
	}
	if j.IsFull() != (j.Resource() != "") || j.IsBare() == j.IsFull() || j.IsDomain() != (s == j.Domain()) || j.IsZero() {
		t.Errorf("Parse(%q) = %q: bare %t, full %t, domain %t", in, s, j.IsBare(), j.IsFull(), j.IsDomain())
	}
	if bare, err := Parse(j.Bare().String()); err != nil || bare != j.Bare() {
		t.Errorf("%q: bare JID %q is %q, %v", s, j.Bare(), bare, err)
	}
	if j.IsFull() {
		if back, err := j.Bare().WithResource(j.Resource()); err != nil || back != j {
			t.Errorf("%q: bare with its resourcepart %q, %v", s, back, err)
		}
	}
	text, err := j.MarshalText()
	var back JID
	if err != nil || back.UnmarshalText(text) != nil || back != j || FromServer(s) != j {
		t.Errorf("%q: does not come back from text", s)
	}
	if g, err := ParseGlob(j.Bare().String()); err != nil || !g.Match(j) {
		t.Errorf("%q: its bare JID as a pattern: %v", s, err)
	}
}

// checkText is what an XML stream needs of s.
func checkText(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if r < 0x20 || r == 0xfffe || r == 0xffff {
			t.Errorf("%q is no XML text", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kept := FromServer(s)
		j, err := Parse(s)
		if err == nil {
			checkParsed(t, s, j)
			if kept != j {
				t.Errorf("FromServer(%q) = %q; want %q", s, kept, j)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.JID != s || e.Reason == "" || e.Part == "" || !utf8.ValidString(err.Error()) {
			t.Errorf("Parse(%q): %v", s, err)
		}
		if !j.IsZero() {
			t.Errorf("Parse(%q) = %q beside an error", s, j)
		}
		if kept.String() != s {
			t.Errorf("FromServer(%q) = %q", s, kept)
		}
		if bare := kept.Bare(); FromServer(bare.String()) != bare && !bare.IsZero() {
			// The bare JID alone may be one that Parse normalises.
			if _, err := Parse(bare.String()); err != nil {
				t.Errorf("FromServer(%q).Bare() = %q", s, bare)
			}
		}
	})
}

// FuzzParts reaches further into each part than FuzzParse does.
func FuzzParts(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+7)%len(seeds)], seeds[(i+13)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, local, domain, resource string) {
		if out, fault := localpart(local); fault == "" {
			if again, fault := localpart(out); fault != "" || again != out {
				t.Errorf("localpart(%q) = %q, and again %q %s", local, out, again, fault)
			}
			checkText(t, out)
		}
		// The profile of the RFC is never contradicted.
		if want, err := precis.UsernameCaseMapped.String(local); err == nil && want != "" {
			if out, fault := localpart(local); fault == "" && out != want {
				t.Errorf("localpart(%q) = %q; want %q", local, out, want)
			} else if fault != "" && len(local) <= maxPart && !strings.ContainsAny(want, notInLocal) && len(want) <= maxPart {
				t.Errorf("localpart(%q): %s; want %q", local, fault, want)
			}
		}
		if out, fault := domainpart(domain); fault == "" {
			if again, fault := domainpart(out); fault != "" || again != out {
				t.Errorf("domainpart(%q) = %q, and again %q %s", domain, out, again, fault)
			}
			checkText(t, out)
		}
		if out, fault := resourcepart(resource); fault == "" {
			if again, fault := resourcepart(out); fault != "" || again != out {
				t.Errorf("resourcepart(%q) = %q, and again %q %s", resource, out, again, fault)
			}
			checkText(t, out)
		}
		for _, s := range []string{local + "@" + domain + "/" + resource, domain + "/" + resource, local + "@" + domain} {
			if j, err := Parse(s); err == nil {
				checkParsed(t, s, j)
			} else if kept := FromServer(s); kept.String() != s {
				t.Errorf("FromServer(%q) = %q", s, kept)
			}
		}
	})
}

func FuzzGlob(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+3)%len(seeds)])
	}
	for _, s := range []string{"*", "?", "**?*", "*@*.example.com", "j?l*@*", "a*a?a*b", "*.xn--bcher-kva", "Σ*", "*。x"} {
		f.Add(s, "juliet@example.com")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		g, err := ParseGlob(pattern)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !utf8.ValidString(err.Error()) {
				t.Errorf("ParseGlob(%q): %v", pattern, err)
			}
			return
		}
		if g.String() != pattern {
			t.Errorf("ParseGlob(%q) = %q", pattern, g)
		}
		j := FromServer(s)
		if g.Match(j) != g.Match(j.Bare()) {
			t.Errorf("%q: the resourcepart of %q counts", pattern, s)
		}
		subject := j.Bare().String()
		if g.domain {
			subject = j.Domain()
		}
		folded := strings.Join(g.segs, "*")
		if strings.ToLower(folded) != folded {
			t.Errorf("%q folds to %q", pattern, folded)
		}
		expr := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(folded))
		want := subject != "" && regexp.MustCompile(`(?s)\A`+expr+`\z`).MatchString(strings.ToLower(subject))
		if got := g.Match(j); got != want {
			t.Errorf("%q, %q: %t; want %t", pattern, s, got, want)
		}
	})
}
