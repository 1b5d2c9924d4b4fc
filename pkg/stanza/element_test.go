package stanza

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// dump writes an element with what is in it; the namespaces of stanzas are ".". The
// reader of encoding/xml leaves white space in attributes as it is.
func dump(e *Element) string {
	var b strings.Builder
	space := e.Space
	if contentNamespace(space) {
		space = "."
	}
	fmt.Fprintf(&b, "({%s}%s", space, e.Local)
	for _, a := range e.Attrs {
		fmt.Fprintf(&b, " {%s}%s=%q", a.Space, a.Local, strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(a.Value))
	}
	for i := range e.Children {
		b.WriteString(" " + dump(&e.Children[i]))
	}
	fmt.Fprintf(&b, " %q)", e.Text)
	return b.String()
}

var elementSeeds = []string{
	`<iq type='result' id='1'><query xmlns='jabber:iq:roster' ver="7">
		<item jid='a@example.com' name='A &amp; "B"&#10;'><group>Friends</group><group>&lt;<![CDATA[x>]]></group><note><group>deep</group></note></item>
		<r:item xmlns:r='jabber:iq:roster' jid="b@example.com" name=''/>text<group/></query><error/></iq>`,
	`<message xmlns:a='urn:a' xmlns:b='urn:b' xmlns='jabber:client'><x b:c='d' xml:lang='en'><a:y/>1<z/>2<![CDATA[3]]></x><a:w xmlns:a='urn:other'/><body xmlns='jabber:client'>x&#xD;
y</body></message>`,
	`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message></forwarded></message>`,
	`<message><x a='>' b="</x>"><![CDATA[</x>]]><y/></x></message>`,
}

// Each child of what Parse takes is the tree that encoding/xml reads from the
// standalone XML of the child.
func FuzzElement(f *testing.F) {
	for _, raw := range elementSeeds {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := Parse(raw, Limits{})
		if err != nil {
			return
		}
		for _, c := range s.Children() {
			e := s.Element(c)
			if e.Space != c.Space || e.Local != c.Local || e.XML() != s.ChildXML(c) {
				t.Errorf("{%s}%s %s\nis the child {%s}%s %s", e.Space, e.Local, e.XML(), c.Space, c.Local, s.ChildXML(c))
			}
			for _, a := range e.Attrs {
				if v, ok := s.ChildAttr(c, a.Local); a.Space == "" && (!ok || v != a.Value) {
					t.Errorf("%s: the attribute %s is %q, %v", e.XML(), a.Local, v, ok)
				}
			}
			if v, ok := s.ChildAttr(c, "no-such-attribute"); ok && !strings.Contains(e.XML(), "no-such-attribute") {
				t.Errorf("%s: an attribute that is not there is %q", e.XML(), v)
			}
			want, err := oracleParse(s.Standalone(c))
			if err != nil || dump(e) != dump(want) {
				t.Errorf("%s\ngot  %s\nwant %v (%v)", s.ChildXML(c), dump(e), want, err)
			}
			alone, err := ParseElement(s.Standalone(c), Limits{MaxBytes: 2 * defaultMaxBytes, MaxAttrs: 2 * defaultMaxAttrs, MaxBindings: 2 * defaultMaxBindings})
			if err != nil || dump(alone) != dump(e) {
				t.Errorf("%s is read alone as %v, %v", s.Standalone(c), alone, err)
			}
		}
	})
}

func TestElement(t *testing.T) {
	s := Must(Parse(elementSeeds[1], Limits{}))
	x := s.Element(s.Children()[0])
	value, has := x.Attr("c")
	if y := x.Child("urn:a", "y"); y == nil || !y.Prefixed || y.XML() != "<a:y/>" || x.Child("", "y") != nil || has || value != "" || x.Lang() != "en" || x.Text != "123" || x.Blank() {
		t.Error(dump(x))
	}
	if got := s.Standalone(s.Children()[0]); !strings.HasPrefix(got, "<x xmlns:b='urn:b' xmlns:a='urn:a' b:c=") {
		t.Error(got)
	}
	if got := s.Standalone(s.Children()[1]); got != "<a:w xmlns:a='urn:other'/>" {
		t.Error(got)
	}
	body := s.Element(s.Children()[2])
	if !body.DeclaresSpace() || x.DeclaresSpace() || body.WithoutSpace() != "<body>x&#xD;\ny</body>" || body.Space != "" || body.Text != "x\r\ny" {
		t.Error(dump(body), body.WithoutSpace())
	}
}

func TestParseElement(t *testing.T) {
	p := NewParser(Limits{MaxDepth: 3}, []Namespace{{"stream", NSStream}}).DropUndeclared()
	e, err := p.Element(`<stream:error a:b='c'><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'> no </text><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>x</text></stream:error>`)
	if err != nil {
		t.Fatal(err)
	}
	if condition, text := e.Condition(NSStreams); condition != "conflict" || text != "no" || e.Space != NSStream || len(e.Attrs) != 0 {
		t.Error(condition, text, dump(e))
	}
	for raw, want := range map[string]string{
		``:                          "XML at byte 0: an element is expected",
		`x`:                         "XML at byte 0: an element is expected",
		`<a/> `:                     "XML at byte 4: there is content after the end of the element",
		`<a><b></a>`:                "XML at byte 6: the end tag does not match <b>",
		`<a><b>`:                    "XML at byte 6: the element <b> is not closed",
		`<a><b><c><d/></c></b></a>`: "XML at byte 9: elements nest deeper than 3",
		`<a><!-- --></a>`:           "XML at byte 3: comments are not allowed in XMPP (RFC 6120 section 11.1)",
		`<b:a/>`:                    `XML at byte 0: the prefix "b" is not declared`,
	} {
		e, err := p.Element(raw)
		var pe *ParseError
		if e != nil || !errors.As(err, &pe) || err.Error() != want {
			t.Errorf("%s: %v, %v", raw, e, err)
		}
	}
}
