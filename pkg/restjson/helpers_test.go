package restjson

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/stanza"
)

// canonical returns the child elements of a stanza, each in one form whatever
// its prefixes and the order of different elements in it, in order. It is made
// with encoding/xml, another reader than the package's own.
func canonical(t testing.TB, s *stanza.Stanza) []string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s.XML()))
	d.Strict = true
	for {
		token, err := d.Token()
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			_, kids := readElement(t, d, start, 0)
			return kids
		}
	}
}

type sorted struct{ name, xml string }

func readElement(t testing.TB, d *xml.Decoder, start xml.StartElement, depth int) (string, []string) {
	var kids []sorted
	var text strings.Builder
	for {
		token, err := d.Token()
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			xml, _ := readElement(t, d, token, depth+1)
			kids = append(kids, sorted{token.Name.Space + " " + token.Name.Local, xml})
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			slices.SortStableFunc(kids, func(a, b sorted) int {
				if depth == 0 {
					return cmp.Compare(a.xml, b.xml)
				}
				return cmp.Compare(a.name, b.name)
			})
			all := make([]string, len(kids))
			for i := range kids {
				all[i] = kids[i].xml
			}
			return fmt.Sprintf("{%s %s %s %q %s}", spaceOf(start.Name.Space, depth), start.Name.Local, attributes(start), contentOf(text.String()), all), all
		}
	}
}

// spaceOf is the namespace; the stanza's own has many names.
func spaceOf(s string, depth int) string {
	if depth == 1 && (s == "jabber:client" || s == "jabber:component:accept") {
		return ""
	}
	return s
}

// contentOf is the text; white space between elements is none.
func contentOf(text string) string {
	if strings.Trim(text, " \t\r\n") == "" {
		return ""
	}
	return text
}

// blanks normalises white space in attributes, which encoding/xml leaves.
var blanks = strings.NewReplacer("\n", " ", "\t", " ", "\r", " ")

func attributes(start xml.StartElement) []string {
	var list []string
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			list = append(list, fmt.Sprintf("%s %s=%q", a.Name.Space, a.Name.Local, blanks.Replace(a.Value)))
		}
	}
	slices.Sort(list)
	return list
}
