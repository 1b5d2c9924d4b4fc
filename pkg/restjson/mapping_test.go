package restjson

import (
	commandline "flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/stanza"
)

var update = commandline.Bool("update", false, "write what comes out into testdata and the guide")

// example is one of testdata/mapping.txt: a title, XML, JSON, and an arrow
// where it holds in one direction only.
type example struct{ title, xml, arrow, json string }

func examples(t testing.TB) (list []example) {
	data, err := os.ReadFile("testdata/mapping.txt")
	require.NoError(t, err)
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

func parse(xml string) *stanza.Stanza { return stanza.Must(stanza.Parse(xml, stanza.Limits{})) }

// build is what a caller makes of JSON.
func build(data string) (*stanza.Stanza, error) {
	f, err := Decode([]byte(data))
	return made(f, err)
}

func made(f *Fields, err error) (*stanza.Stanza, error) {
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
				e.json = string(Append(nil, parse(e.xml)))
			}
			b.WriteString("\n" + strings.Join([]string{e.title, e.xml, e.arrow, e.json}, "\n") + "\n")
		}
		require.NoError(t, os.WriteFile("testdata/mapping.txt", []byte(b.String()), 0o644))
	}
	for _, e := range list {
		t.Run(e.title, func(t *testing.T) {
			if e.encodes() {
				s := parse(e.xml)
				if got := string(Append(nil, s)); got != e.json {
					t.Errorf("%s\ngot  %s\nwant %s", e.xml, got, e.json)
				}
			}
			if !e.decodes() {
				return
			}
			s, err := build(e.json)
			require.NoError(t, err)
			if s.XML() != e.xml {
				t.Errorf("%s\ngot  %s\nwant %s", e.json, s.XML(), e.xml)
			}
		})
	}
}
