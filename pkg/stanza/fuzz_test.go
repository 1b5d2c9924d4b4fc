package stanza

import (
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var corpus = []string{
	`<message/>`,
	`<message type='chat' id="a1" from='u@h/r' to='b@c'><body>hi</body></message>`,
	`<message from='u@h' to='b@c'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>inner</body></message></forwarded><body>outer</body></message>`,
	`<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>x</p></body></html><body>plain &amp; &#x263a; &lt;</body></message>`,
	`<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
	`<presence xml:lang='de'><show>away</show><priority>1</priority></presence>`,
	`<message><body><![CDATA[<x> ]] & ]]></body></message>`,
	`<message a='>' b="'"><!-- c --><body/></message>`,
	`<x:y xmlns:x='urn:x' x:a='1'/>`,
	`<message><stream:x/></message>`,
	"<message><body>a\r\nb\rc\td</body></message>",
	"<message id='a\tb\nc'/>",
	`<message><b:x xmlns:b='u' xmlns:c='u' b:d='1' c:d='2'/></message>`,
	`<message><?pi x?></message>`,
	`<message><body>]]></body></message>`,
	"<message><bödy xmlns='urn:x'>ü€😀</bödy></message>",
	`<!DOCTYPE x><message/>`,
	`<message id='1' id='2'/>`,
	"<message>\x00\xff</message>",
}

// stricter lists the reasons for which Parse refuses what encoding/xml takes.
var stricter = []string{
	"appears twice", "is not declared", "must not be declared", "belong together", "empty namespace",
	"white space is missing", "two colons", "beside its colon", "nest deeper", "more than", "bytes;",
	"comments are", "document type", "processing instructions", "prefix \"xmlns\"", "write the stanza without",
	"known entity", "an element is expected",
}

func FuzzParse(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	scope := []Namespace{{"stream", NSStream}}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := NewParser(Limits{}, scope).Parse(raw)
		want, oerr := oracleParse(raw)
		if err != nil {
			if _, ok := err.(*NotStanza); ok {
				if oerr == nil && KindOf(want.Local) != 0 && contentNamespace(want.Space) {
					t.Fatalf("refused as no stanza: %q", raw)
				}
				return
			}
			if oerr == nil && !slices.ContainsFunc(stricter, func(r string) bool { return strings.Contains(err.Error(), r) }) {
				t.Fatalf("encoding/xml takes it, we say %v: %q", err, raw)
			}
			return
		}
		if oerr != nil {
			t.Fatalf("we take it, encoding/xml says %v: %q", oerr, raw)
		}
		compare(t, s, want, raw)
		if with, err := s.AppendEmpty(s.Header, "urn:x", "x", AppendCleanAttr(nil, "a", raw), Limits{}); err == nil {
			sameAsParsed(t, with)
		}
		// What was accepted can be written anew, and means the same.
		again, err := s.With(s.Header, Limits{})
		if err != nil {
			if !strings.Contains(err.Error(), "bytes;") {
				t.Fatalf("With: %v: %q", err, raw)
			}
			return
		}
		compare(t, again, want, raw)
		if strings.Contains(again.XML()[:strings.IndexByte(again.XML(), '>')], "xmlns=") {
			t.Fatalf("a default namespace is left on the stanza: %q", again.XML())
		}
	})
}

func compare(t *testing.T, s *Stanza, want *Element, raw string) {
	t.Helper()
	if s.Kind.String() != want.Local {
		t.Fatalf("kind %s, want %s: %q", s.Kind, want.Local, raw)
	}
	norm := strings.NewReplacer("\t", " ", "\n", " ") // encoding/xml does not normalise attributes
	typ, _ := want.Attr("type")
	id, _ := want.Attr("id")
	for name, v := range map[string][2]string{"type": {s.Type, typ}, "id": {s.ID, id}, "xml:lang": {s.Lang, want.Lang()}} {
		// character references for white space are kept by us, but look the same to the oracle
		if norm.Replace(v[0]) != norm.Replace(v[1]) {
			t.Fatalf("%s %q, want %q: %q", name, v[0], v[1], raw)
		}
	}
	if len(s.Children()) != len(want.Children) {
		t.Fatalf("%d children, want %d: %q", len(s.Children()), len(want.Children), raw)
	}
	for i, c := range s.Children() {
		w := want.Children[i]
		if c.Space == "" {
			if !contentNamespace(w.Space) {
				t.Fatalf("child %d is in %q: %q", i, w.Space, raw)
			}
		} else if c.Space != w.Space && norm.Replace(w.Space) != norm.Replace(c.Space) {
			t.Fatalf("child %d is in %q, want %q: %q", i, c.Space, w.Space, raw)
		}
		if c.Local != w.Local || s.ChildText(c) != w.Text {
			t.Fatalf("child %d is %s %q, want %s %q: %q", i, c.Local, s.ChildText(c), w.Local, w.Text, raw)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range corpus {
		f.Add(s + " " + s)
	}
	f.Add(strings.Join(corpus, "\n"))
	f.Fuzz(func(t *testing.T, data string) {
		stream := testHead + data
		got, gotErr := readFrames(strings.NewReader(stream), Limits{})
		slow, slowErr := readFrames(iotest.OneByteReader(strings.NewReader(stream)), Limits{})
		if !slices.Equal(got, slow) || gotErr.Error() != slowErr.Error() {
			t.Fatalf("byte by byte it is %q (%v), in one piece %q (%v)", slow, slowErr, got, gotErr)
		}
		rest := strings.ReplaceAll(strings.ReplaceAll(data, "<!--", ""), "<![CDATA[", "")
		if strings.Contains(rest, "<!") {
			return // declarations are refused, not read like encoding/xml does
		}
		want := oracleFrames(stream)
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Fatalf("frames %q, want %q", got, want)
		}
	})
}

// FuzzSmallReader has a limit so low that skipping is the normal case: small
// stanzas between huge ones must come through as they are.
func FuzzSmallReader(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		stream := testHead + data
		lim := Limits{MaxBytes: 24}
		got, gotErr := readFrames(strings.NewReader(stream), lim)
		slow, slowErr := readFrames(iotest.OneByteReader(strings.NewReader(stream)), lim)
		if !slices.Equal(got, slow) || gotErr.Error() != slowErr.Error() {
			t.Fatalf("byte by byte it is %q (%v), in one piece %q (%v)", slow, slowErr, got, gotErr)
		}
		whole, _ := readFrames(strings.NewReader(stream), Limits{})
		for i, g := range got {
			if !strings.HasPrefix(g, "TOO LARGE ") && g != whole[i] || len(whole[i]) > 24 && g == whole[i] {
				t.Fatalf("frame %d is %q, want %q", i, g, whole[i])
			}
		}
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a<b>&'\"\r\n\t", "ü\u2028😀", "\x00", "\xff", "]]>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bad := CheckText(text) >= 0
		h := Header{Kind: Message, ID: text}
		s, err := Build(h, TextElement("body", text), Limits{})
		if bad {
			if err == nil {
				t.Fatalf("text XML cannot carry was taken: %q", text)
			}
			return
		}
		if err != nil {
			if strings.Contains(err.Error(), "bytes;") {
				return
			}
			t.Fatal(err)
		}
		if body, ok := s.Body(); !ok || body != text || s.ID != text {
			t.Fatalf("body %q, id %q, want %q", body, s.ID, text)
		}
		if CheckText(Clean(text)) >= 0 {
			t.Fatal("Clean leaves what XML cannot carry")
		}
	})
}
