package restjson_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

var update = flag.Bool("update", false, "write what comes out into testdata and doc.go")

// example is one of testdata/mapping.txt: a title, XML, JSON, and an arrow
// where it holds in one direction only.
type example struct{ title, xml, arrow, json string }

func examples(t testing.TB) (list []example) {
	data, err := os.ReadFile("testdata/mapping.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		lines := strings.SplitN(block, "\n", 4)
		if strings.HasPrefix(block, "#") {
			continue
		}
		if len(lines) < 4 {
			t.Fatalf("an example has four lines at least: %q", block)
		}
		list = append(list, example{lines[0], lines[1], lines[2], lines[3]})
	}
	return list
}

func (e example) encodes() bool { return e.arrow != "<-" }
func (e example) decodes() bool { return e.arrow != "->" }

func parse(t testing.TB, xml string) *stanza.Stanza {
	s, err := stanza.Parse(xml, stanza.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return s
}

// build is what a caller makes of JSON.
func build(data string) (*stanza.Stanza, error) {
	f, err := restjson.Decode([]byte(data))
	if err == nil {
		err = f.UnknownKey()
	}
	if err != nil {
		return nil, err
	}
	f.Guess()
	return stanza.Build(f.Header, f.Inner, stanza.Limits{MaxBytes: 1 << 24})
}

func TestMapping(t *testing.T) {
	list := examples(t)
	if *update {
		data, _ := os.ReadFile("testdata/mapping.txt")
		head, _, _ := strings.Cut(string(data), "\n\n")
		var b strings.Builder
		b.WriteString(head + "\n")
		for _, e := range list {
			if e.encodes() {
				e.json = string(restjson.Append(nil, parse(t, e.xml)))
			}
			b.WriteString("\n" + strings.Join([]string{e.title, e.xml, e.arrow, e.json}, "\n") + "\n")
		}
		if err := os.WriteFile("testdata/mapping.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range list {
		t.Run(e.title, func(t *testing.T) {
			if e.encodes() {
				s := parse(t, e.xml)
				if got := string(restjson.Append(nil, s)); got != e.json {
					t.Errorf("%s\ngot  %s\nwant %s", e.xml, got, e.json)
				}
			}
			if !e.decodes() {
				return
			}
			s, err := build(e.json)
			if err != nil {
				t.Fatal(err)
			}
			if s.XML() != e.xml {
				t.Errorf("%s\ngot  %s\nwant %s", e.json, s.XML(), e.xml)
			}
		})
	}
}
