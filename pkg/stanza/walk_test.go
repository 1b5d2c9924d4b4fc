package stanza_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

func TestWalk(t *testing.T) {
	const raw = `<iq type='result' id='1'><query xmlns='jabber:iq:roster' ver="7">
		<item jid='a@example.com' name='A &amp; "B"&#10;'><group>Friends</group><group>&lt;<![CDATA[x>]]></group><note><group>deep</group></note></item>
		<r:item xmlns:r='jabber:iq:roster' jid="b@example.com" name=''/>text<group/></query><error/></iq>`
	s, err := stanza.Parse(raw, stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.Payload()
	var got []string
	s.Walk(c, func(e stanza.Inside) {
		jid, _ := e.Attr("jid")
		name, named := e.Attr("name")
		got = append(got, fmt.Sprintf("%d %s %q %q %v %q", e.Depth, e.Local, jid, name, named, e.Text()))
	})
	want := []string{
		`1 item "a@example.com" "A & \"B\"\n" true ""`,
		`2 group "" "" false "Friends"`,
		`2 group "" "" false "<x>"`,
		`2 note "" "" false ""`,
		`3 group "" "" false "deep"`,
		`1 item "b@example.com" "" true ""`,
		`1 group "" "" false ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// Whatever Parse takes can be walked, and shows the elements that are there.
func FuzzWalk(f *testing.F) {
	f.Add(`<iq><query xmlns='jabber:iq:roster'><item jid='a'><group>x</group></item></query></iq>`)
	f.Add(`<message><x a='>' b="</x>"><![CDATA[</x>]]><y/></x></message>`)
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := stanza.Parse(raw, stanza.Limits{})
		if err != nil {
			return
		}
		for _, c := range s.Children() {
			n := 0
			s.Walk(c, func(e stanza.Inside) {
				n++
				if e.Depth < 1 || e.Local == "" {
					t.Errorf("%d %q", e.Depth, e.Local)
				}
				_ = e.Text()
				_, _ = e.Attr("jid")
			})
			if want := countElements(s.ChildXML(c)) - 1; n != want {
				t.Errorf("%d elements of %d in %q", n, want, s.ChildXML(c))
			}
		}
	})
}

// countElements counts start tags, by the standard library.
func countElements(raw string) int {
	d := xml.NewDecoder(strings.NewReader("<r xmlns:any='any'>" + raw + "</r>"))
	n := -1 // without the r
	for {
		token, err := d.RawToken()
		if err != nil {
			return n
		}
		if _, ok := token.(xml.StartElement); ok {
			n++
		}
	}
}
