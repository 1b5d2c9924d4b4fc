package webhook

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// linear is what Index.Next is, endpoint by endpoint.
func linear(all []*Endpoint, from int, component string, s *stanza.Stanza) int {
	for i := from; i < len(all); i++ {
		if all[i].Matches(component, s) {
			return i
		}
	}
	return -1
}

// sameByIndex compares all endpoints of a stanza by an index and endpoint by endpoint.
func sameByIndex(t *testing.T, all []*Endpoint, component string, s *stanza.Stanza) (found int) {
	t.Helper()
	x := NewIndex(all)
	for from := 0; from <= len(all); from++ {
		got, want := x.Next(from, component, s), linear(all, from, component, s)
		if got != want {
			t.Fatalf("%s over %s: place %d, one by one %d, from %d of:\n%s", s.XML(), component, got, want, from, describe(all))
		}
		if want < 0 {
			break
		}
		found, from = found+1, want
	}
	return found
}

func describe(all []*Endpoint) string {
	var b strings.Builder
	for i, e := range all {
		fmt.Fprintf(&b, "%d: component %q, kinds %v, to %v, from %v, types %v, copy %v\n", i, e.Component, e.Kinds, e.Match.To, e.Match.From, e.Match.Types, e.Copy)
	}
	return b.String()
}

// The parts that tables of endpoints are made of: addresses that differ in little, and
// patterns that fit many or none of them.
var (
	indexPatterns = []string{"a@bot.example.com", "A@bot.example.com", "b@bot.example.com", "bot.example.com", "BOT.example.com", "other.example.com", "*", "*@bot.example.com", "?@bot.example.com",
		"*.example.com", "a@*", "b@*.example.com", "a@?ot.example.com", "a*@bot.example.com", "?@*", "bücher@bot.example.com", "Ꭰ@bot.example.com", "xn--bcher-kva.example", "a@a.bot.example.com"}
	indexTo    = []string{"a@bot.example.com", "A@BOT.example.com/r", "b@bot.example.com/bot.example.com", "c@bot.example.com", "bot.example.com", "bot.example.com/a", "other.example.com", "a@other.example.com", "BÜCHER@bot.example.com", "ꭰ@bot.example.com", "a@bücher.example", "x@a.bot.example.com", ""}
	indexFrom  = []string{"u@example.com/r", "a@bot.example.com"}
	indexKinds = []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ}
)

// randomTable makes endpoints of random numbers below a bound.
func randomTable(t testing.TB, below func(n int) int) []*Endpoint {
	t.Helper()
	all := make([]*Endpoint, below(13))
	for i := range all {
		e := &Endpoint{Name: fmt.Sprint("e", i), URL: []string{"", "http://127.0.0.1/"}[below(2)], Component: []string{"", "", "bot.example.com", "other.example.com"}[below(4)], Copy: below(3) == 0}
		for range below(4) {
			e.Match.To = append(e.Match.To, globs(t, indexPatterns[below(len(indexPatterns))])...)
		}
		if below(4) == 0 {
			e.Match.From = globs(t, indexFrom[below(len(indexFrom))][:1]+"*")
		}
		if below(3) == 0 {
			e.Kinds = indexKinds[:1+below(len(indexKinds))]
		}
		if below(4) == 0 {
			e.Match.Types = []string{"chat"}
		}
		if below(20) == 0 {
			e.Match.To = append(e.Match.To, jid.Glob{}) // matches nothing
		}
		all[i] = e
	}
	return all
}

func randomStanza(below func(n int) int) *stanza.Stanza {
	attrs := []string{" type='chat'", "", " type='get' id='1'"}[below(3)]
	if to := indexTo[below(len(indexTo))]; to != "" {
		attrs += " to='" + to + "'"
	}
	return parsed(fmt.Sprintf("<%s from='%s'%s><body>hi</body></%[1]s>", indexKinds[below(3)], indexFrom[below(2)], attrs))
}

// By the index a stanza goes to the same endpoints, in the same order, as one by one.
func TestIndexIsTheLinearMatch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 5000 {
		all := randomTable(t, random.IntN)
		for range 8 {
			found += sameByIndex(t, all, []string{"bot.example.com", "other.example.com"}[random.IntN(2)], randomStanza(random.IntN))
		}
	}
	if found < 10_000 {
		t.Errorf("only %d endpoints were found: the tables show little", found)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x00\x01\x02"))
	f.Add([]byte("a table of endpoints, of which some have an address"))
	f.Fuzz(func(t *testing.T, data []byte) {
		below := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := int(data[0])
			data = data[1:]
			return b % n
		}
		all := randomTable(t, below)
		for range 4 {
			sameByIndex(t, all, "bot.example.com", randomStanza(below))
		}
	})
}

func TestIndexAllocatesNothing(t *testing.T) {
	x := NewIndex(manyBots(t, 100))
	s := parsed("<message to='bot99@bot.example.com' from='u@example.com/r'/>")
	if n := testing.AllocsPerRun(100, func() { x.Next(0, "bot.example.com", s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// manyBots returns endpoints with an address each.
func manyBots(t testing.TB, n int) []*Endpoint {
	t.Helper()
	all := make([]*Endpoint, n)
	for i := range all {
		all[i] = &Endpoint{Match: Match{To: globs(t, fmt.Sprintf("bot%d@bot.example.com", i))}}
	}
	return all
}

// The endpoint in the middle of many, each with an address, by the index and one by one.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		all := manyBots(b, n)
		x := NewIndex(all)
		s := parsed(fmt.Sprintf("<message to='bot%d@bot.example.com/r' from='u@example.com/r'><body>hi</body></message>", n/2))
		for name, next := range map[string]func() int{
			"index":  func() int { return x.Next(0, "bot.example.com", s) },
			"linear": func() int { return linear(all, 0, "bot.example.com", s) },
		} {
			b.Run(fmt.Sprintf("endpoints=%d/%s", n, name), func(b *testing.B) {
				for b.Loop() {
					if next() != n/2 {
						b.Fatal("another endpoint")
					}
				}
			})
		}
	}
}
