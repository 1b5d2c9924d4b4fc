package jid

import (
	"encoding/binary"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// oddities are the characters most likely to make trouble: those that some
// mapping changes or composes, and those with a rule of their own.
func oddities() []rune {
	out := []rune("@@@///...-_ aAxXnN10[]:<=>\"'&。．｡\u00ad\u200c\u200d\ufe0f\u3000\u00a0\u2028\u0338\ufffd\ue000·\u0375\u05f3\u30fb٠۰אبܐ߀ا\u094dक")
	lower := cases.Lower(language.Und, cases.HandleFinalSigma(false))
	for r := rune(0x80); r < 0x30000; r++ {
		s := string(r)
		if r >= 0xac00 && r < 0xd7a4 && r%97 != 0 || r >= 0xd800 && r < 0xe000 {
			continue
		}
		if norm.NFKD.String(s) != s || lower.String(s) != s || width.Fold.String(s) != s || unicode.ToLower(r) != r ||
			unicode.ToUpper(r) != r || unicode.Is(unicode.M, r) && r%5 == 0 || unicode.Is(unicode.Cf, r) {
			out = append(out, r)
		}
	}
	return out
}

// FuzzOddities composes addresses of oddities; octets at random seldom do.
func FuzzOddities(f *testing.F) {
	alphabet := oddities()
	for i := range 400 {
		data := make([]byte, 16)
		binary.LittleEndian.PutUint64(data, uint64(i+1)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(data[8:], uint64(i+1)*0xbf58476d1ce4e5b9)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64 {
			return
		}
		var text []rune
		for ; len(data) >= 2; data = data[2:] {
			n := int(binary.LittleEndian.Uint16(data))
			if n%4 == 0 { // the first ones are the likeliest
				n = n / 4 % 64
			}
			text = append(text, alphabet[n%len(alphabet)])
		}
		s := string(text)
		for _, in := range []string{s, s + "@b", "a@" + s, "b/" + s, "א" + s + "@א" + s + "א"} {
			if j, err := Parse(in); err == nil {
				checkParsed(t, in, j)
			} else if kept := FromServer(in); in != "" && kept.String() != in {
				t.Errorf("FromServer(%q) = %q", in, kept)
			}
		}
	})
}
