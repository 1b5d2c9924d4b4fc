package jid

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestZero(t *testing.T) {
	var j JID
	if !j.IsZero() || j.IsBare() || j.IsFull() || j.IsDomain() {
		t.Error("the zero JID is something")
	}
	if j.String()+j.Local()+j.Domain()+j.Resource() != "" || j.Bare() != j {
		t.Error("the zero JID has text")
	}
	if _, err := j.WithResource("r"); err == nil || err.Error() != `jid "/r": domainpart: is empty` {
		t.Errorf("the zero JID took a resourcepart: %v", err)
	}
}

func TestParts(t *testing.T) {
	for _, tt := range []struct {
		in, local, domain, resource, bare string
		isBare, isFull, isDomain          bool
	}{
		{"b", "", "b", "", "b", true, false, true},
		{"b/c", "", "b", "c", "b", false, true, false},
		{"a@b", "a", "b", "", "a@b", true, false, false},
		{"a@b/c", "a", "b", "c", "a@b", false, true, false},
		{"b/c@d/e", "", "b", "c@d/e", "b", false, true, false},
	} {
		j := MustParse(tt.in)
		if j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource || j.Bare() != MustParse(tt.bare) {
			t.Errorf("%q: %q %q %q, bare %q", j, j.Local(), j.Domain(), j.Resource(), j.Bare())
		}
		if j.IsZero() || j.IsBare() != tt.isBare || j.IsFull() != tt.isFull || j.IsDomain() != tt.isDomain {
			t.Errorf("%q: zero %t, bare %t, full %t, domain %t", j, j.IsZero(), j.IsBare(), j.IsFull(), j.IsDomain())
		}
	}
}

// Spellings of one address are one key of a map.
func TestMapKey(t *testing.T) {
	m := map[JID]int{}
	for _, s := range []string{"a@b/c", "A@B/c", "Ａ@b./c", "a@xn--tda", "a@ü", "a@U\u0308"} {
		m[MustParse(s)]++
	}
	if m[MustParse("a@b/c")] != 3 || m[MustParse("a@ü")] != 3 || len(m) != 2 {
		t.Errorf("%v", m)
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if err, ok := recover().(*Error); !ok || err.Part != partLocal {
			t.Errorf("panic with %v", err)
		}
	}()
	MustParse("@me")
}

func TestFromServer(t *testing.T) {
	if j := FromServer(""); !j.IsZero() {
		t.Errorf("of nothing: %q", j)
	}
	if j := FromServer("Juliet@Example.com./r"); j != MustParse("juliet@example.com/r") {
		t.Errorf("not normalised: %q", j)
	}
	for _, tt := range []struct{ in, local, domain, resource, bare string }{
		{"A b@X/r", "A b", "X", "r", "A b@X"},
		{"room@muc.x/👨\u200d👩", "room", "muc.x", "👨\u200d👩", "room@muc.x"},
		{"a@b!/c/d@e", "a", "b!", "c/d@e", "a@b!"},
		{"a@b@c", "a", "b@c", "", "a@b@c"},
		{"a@b/", "a", "b", "", "a@b"},
		{"@b", "", "b", "", "@b"},
		{"@", "", "", "", "@"},
		{"@/", "", "", "", "@"},
		{"/", "", "", "", ""},
		{"/r", "", "", "r", ""},
		{"\xff@b", "\xff", "b", "", "\xff@b"},
		{strings.Repeat("x", 1<<17) + "@b/c", strings.Repeat("x", 1<<17), "b", "c", strings.Repeat("x", 1<<17) + "@b"},
	} {
		j := FromServer(tt.in)
		if j.String() != tt.in || j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource || j.Bare().String() != tt.bare {
			t.Errorf("%.40q: %.40q, %.40q %q %q, bare %.40q", tt.in, j, j.Local(), j.Domain(), j.Resource(), j.Bare())
		}
		if FromServer(j.Bare().String()) != j.Bare() {
			t.Errorf("%.40q: bare JID does not read back", tt.in)
		}
	}
	// A resourcepart that Parse refuses does not hide whose it is.
	if FromServer("room@muc.x/👨\u200d👩").Bare() != MustParse("room@muc.x") {
		t.Error("another bare JID")
	}
}

func TestWithResource(t *testing.T) {
	for _, tt := range []struct{ in, resource, want string }{
		{"a@b", "c", "a@b/c"},
		{"a@b/old", "new", "a@b/new"},
		{"b", "c/d@e", "b/c/d@e"},
		{"b", "E\u0301", "b/É"},
	} {
		j, err := MustParse(tt.in).WithResource(tt.resource)
		if err != nil || j != MustParse(tt.want) {
			t.Errorf("%s with %q: %q, %v", tt.in, tt.resource, j, err)
		}
	}
	for _, tt := range []struct{ resource, want string }{
		{"", `jid "a@b/": resourcepart: is empty`},
		{"\n", `jid "a@b/\n": resourcepart: contains the control character U+000A`},
		{"\xff", `jid "a@b/\xff": resourcepart: is not valid UTF-8`},
	} {
		j, err := MustParse("a@b/c").WithResource(tt.resource)
		if err == nil || err.Error() != tt.want || !j.IsZero() {
			t.Errorf("with %q: %q, %v; want %s", tt.resource, j, err, tt.want)
		}
	}
	if j, err := FromServer("A b@x/y").WithResource("z"); err != nil || j != FromServer("A b@x/z") {
		t.Errorf("%q, %v", j, err)
	}
}

func TestText(t *testing.T) {
	type doc struct {
		To   JID         `json:"to"`
		From JID         `json:"from"`
		Seen map[JID]int `json:"seen"`
	}
	in := `{"to":"A@B/<r>","from":"","seen":{"B":1}}`
	var d doc
	require.NoError(t, json.Unmarshal([]byte(in), &d))
	want := doc{To: MustParse("a@b/<r>"), Seen: map[JID]int{MustParse("b"): 1}}
	if d.To != want.To || d.From != want.From || d.Seen[MustParse("b")] != 1 {
		t.Errorf("%v", d)
	}
	out, err := json.Marshal(d)
	if err != nil || string(out) != `{"to":"a@b/\u003cr\u003e","from":"","seen":{"b":1}}` {
		t.Errorf("%s, %v", out, err)
	}
	kept := MustParse("a@b")
	if err := kept.UnmarshalText([]byte("@")); err == nil || kept != MustParse("a@b") {
		t.Errorf("%q, %v", kept, err)
	}
	if err := kept.UnmarshalText(nil); err != nil || !kept.IsZero() {
		t.Errorf("%q, %v", kept, err)
	}
	text := []byte("a@b")
	require.NoError(t, kept.UnmarshalText(text))
	text[0] = 'x'
	if kept != MustParse("a@b") {
		t.Error("shares the memory of the text")
	}
}

// One profile serves every goroutine; the race detector watches.
func TestConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for _, s := range []string{"Ｊuliet♥@BÜCHER.example/E\u0301", "אבג@xn--bcher-kva/a\u00a0b", "a@b/c"} {
					if _, err := Parse(s); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestAllocations(t *testing.T) {
	if size := unsafe.Sizeof(JID{}); size > 24 {
		t.Errorf("a JID has %d octets", size)
	}
	var sink JID
	for name, f := range map[string]func(){
		"Parse":      func() { sink, _ = Parse("juliet@example.com/balcony") },
		"FromServer": func() { sink = FromServer("juliet@example.com/balcony") },
		"accessors": func() {
			sink = sink.Bare()
			_ = sink.Local() + sink.Resource()
			_ = sink.Domain()
		},
		"Glob": func() {
			if !everyone.Match(sink) {
				t.Error("no match")
			}
		},
	} {
		sink = MustParse("balcony@bücher.example")
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	in := "juliet@example.com/balcony"
	if sink, _ = Parse(in); unsafe.StringData(sink.s) != unsafe.StringData(in) {
		t.Error("a normal JID was copied")
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bb := range []struct{ name, in string }{
		{"fast/bare", "juliet@example.com"},
		{"fast/full", "juliet@example.com/balcony-7f3a2b"},
		{"slow/upper", "Juliet@Example.com/balcony-7f3a2b"},
		{"slow/resource", "juliet@example.com/♚ balcony"},
		{"slow/normal", "jülïet@bücher.example/♚ balcony"},
		{"slow/mapped", "ＪÜLÏET@xn--bcher-kva.example/E\u0301"},
		{"error", "juliet capulet@example.com/balcony"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(bb.in)
			}
		})
	}
}

func BenchmarkFromServer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		FromServer("juliet@example.com/balcony-7f3a2b")
	}
}
