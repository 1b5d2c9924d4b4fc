package stanza

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// dump writes an element with what is in it; the namespaces of stanzas are ".".
func dump(e *Element) string {
	var b strings.Builder
	dumpStart(&b, e.Space, e.Local)
	for _, a := range e.Attrs {
		dumpAttr(&b, a.Space, a.Local, a.Value)
	}
	for i := range e.Children {
		b.WriteString(" " + dump(&e.Children[i]))
	}
	fmt.Fprintf(&b, " %q)", e.Text)
	return b.String()
}

func dumpStart(b *strings.Builder, space, local string) {
	if contentNamespace(space) {
		space = "."
	}
	fmt.Fprintf(b, "({%s}%s", space, local)
}

// The reader of encoding/xml leaves white space in attributes as it is.
func dumpAttr(b *strings.Builder, space, local, value string) {
	fmt.Fprintf(b, " {%s}%s=%q", space, local, strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(value))
}

// oracleDump is dump of what encoding/xml makes of the XML.
func oracleDump(raw string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(raw))
	var b strings.Builder
	var texts []string
	for {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(texts) > 0 {
				b.WriteByte(' ')
			}
			dumpStart(&b, t.Name.Space, t.Name.Local)
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					dumpAttr(&b, a.Name.Space, a.Name.Local, a.Value)
				}
			}
			texts = append(texts, "")
		case xml.CharData:
			texts[len(texts)-1] += string(t)
		case xml.EndElement:
			fmt.Fprintf(&b, " %q)", texts[len(texts)-1])
			if texts = texts[:len(texts)-1]; len(texts) == 0 {
				return b.String(), nil
			}
		}
	}
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
			want, err := oracleDump(s.Standalone(c))
			if got := dump(e); got != want || err != nil {
				t.Errorf("%s\ngot  %s\nwant %s (%v)", s.ChildXML(c), got, want, err)
			}
			alone, err := ParseElement(s.Standalone(c), Limits{MaxBytes: 2 * defaultMaxBytes, MaxAttrs: 2 * defaultMaxAttrs, MaxBindings: 2 * defaultMaxBindings})
			if err != nil || dump(alone) != dump(e) {
				t.Errorf("%s is read alone as %v, %v", s.Standalone(c), alone, err)
			}
		}
	})
}

func TestElement(t *testing.T) {
	s, err := Parse(elementSeeds[1], Limits{})
	if err != nil {
		t.Fatal(err)
	}
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
