//go:build integration

package link

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What clients send reaches the webhook unchanged, known or not, and a body
// inside an extension is not the message's.
func TestExactXML(t *testing.T) {
	tests := []struct{ name, body, inner string }{
		{"forwarded", "outer", `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>` +
			`<message xmlns='jabber:client' from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony' type='chat' id='inner'>` +
			`<body>inner</body><mood xmlns='http://jabber.org/protocol/mood'><amorous/></mood></message></forwarded><body>outer</body>`},
		{"only forwarded", "", `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='romeo@montague.lit/orchard'><body>inner</body></message></forwarded>`},
		{"XHTML-IM", "plain", `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>` +
			`<p style='color: red'>rich &amp; <em>slanted</em></p></body></html><body>plain</body>`},
		{"unknown", "right", `<thing xmlns='urn:example:thing' a='1' b="it's &quot;&lt;&gt;&amp;"> two <body>wrong</body><part xmlns='urn:example:part'/>` +
			`<nested><body xmlns='jabber:client'>wrong too</body></nested> &#228;&#x1F600; tail</thing><body>right</body><x xmlns='urn:example:empty'/>`},
		{"prefixes", "last", `<t:thing xmlns:t='urn:example:thing' t:a='1' a='2' xml:lang='de'><t:part/><body xmlns='urn:example:body'>no</body></t:thing><body>last</body>`},
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		harness.LaunchConnected(t, harness.OneComponent(s, "xml", b))
		alice := harness.Login(t, s, "carol")
		for i, tc := range tests {
			alice.Send("<message to='echo@xml.localhost/desk' type='chat' id='x-%d'>%s</message>", i, tc.inner)
			harness.Eventually(t, tc.name+" reaches the webhook", func() bool { return len(b.Got()) > i })
			h := b.Got()[i]
			if h.Body != tc.body || h.Stanza != fmt.Sprintf("x-%d", i) {
				t.Errorf("%s: body %q in %s", tc.name, h.Body, h.Raw)
			}
			if tc.body == "" && tc.name != "only forwarded" && strings.Contains(h.Raw, `"body":`) {
				t.Errorf("%s: a body in %s", tc.name, h.Raw)
			}
			sent, err := parseTree("<message>" + tc.inner + "</message>")
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseTree(h.XML)
			if err != nil {
				t.Errorf("%s: data.stanza does not parse on its own: %v\n%s", tc.name, err, h.XML)
				continue
			}
			if got.Name.Local != "message" || !slices.Contains(got.Attrs, " to=echo@xml.localhost/desk") || !slices.Contains(got.Attrs, " from="+alice.JID()) {
				t.Errorf("%s: the stanza itself is %s", tc.name, h.XML)
			}
			if !sameNodes(got.Nodes, sent.Nodes) {
				t.Errorf("%s:\nsent %s\ngot  %s", tc.name, tc.inner, h.XML)
			}
		}
	})
}

// sameNodes compares the children of two stanzas, in any order: ejabberd puts
// the body last.
func sameNodes(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for _, n := range a {
		if !slices.ContainsFunc(b, func(m any) bool { return reflect.DeepEqual(n, m) }) {
			return false
		}
	}
	return true
}

// tree is an element in a form that can be compared: what XML means, not how it
// is written.
type tree struct {
	Name  xml.Name
	Attrs []string // sorted, without declarations
	Nodes []any    // *tree or string
}

func parseTree(text string) (*tree, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	var open []*tree
	root := &tree{}
	open = append(open, root)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &tree{Name: token.Name}
			// A stanza's own namespace is that of the stream it is on.
			if e.Name.Space == "" || e.Name.Space == "jabber:component:accept" {
				e.Name.Space = "jabber:client"
			}
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.Attrs = append(e.Attrs, a.Name.Space+" "+a.Name.Local+"="+a.Value)
				}
			}
			slices.Sort(e.Attrs)
			top.Nodes = append(top.Nodes, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if n := len(top.Nodes); n > 0 {
				if before, ok := top.Nodes[n-1].(string); ok {
					top.Nodes[n-1] = before + string(token)
					continue
				}
			}
			top.Nodes = append(top.Nodes, string(token))
		}
	}
	if len(root.Nodes) != 1 {
		return nil, fmt.Errorf("not one element but %d", len(root.Nodes))
	}
	e, ok := root.Nodes[0].(*tree)
	if !ok {
		return nil, errors.New("no element")
	}
	return e, nil
}
