package restjson

import (
	"go/format"
	"os"
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

// documented returns the tables of the package's documentation.
func documented() string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		keys  []key
	}{
		{"Keys of all kinds", commonKeys},
		{"Keys of messages", messageKeys},
		{"Keys of presence", presenceKeys},
		{"Keys of IQs", iqKeys},
	} {
		b.WriteString("// # " + part.title + "\n//\n")
		width := 0
		for _, k := range part.keys {
			width = max(width, len(k.name))
		}
		for _, k := range part.keys {
			pad := strings.Repeat(" ", width)
			b.WriteString("//\t" + (k.name + pad)[:width] + "  " + k.xml() + "\n//\t" + pad + "    " + k.shape.doc() + k.note() + "\n")
		}
		b.WriteString("//\n")
	}
	return b.String()
}

// xml is the element of a key: with the attribute or the content that is the
// value.
func (k *key) xml() string {
	local, ns := k.local, ""
	if k.space != "" {
		ns = " xmlns='" + k.space + "'"
	}
	switch s := k.shape.(type) {
	case named:
		return "<VALUE" + ns + "/>"
	case attribute:
		return "<" + local + ns + " " + s.name + "=VALUE/>"
	case content:
		return "<" + local + ns + ">VALUE</" + local + ">"
	case only:
		return "<" + local + ns + "><" + s.local + ">VALUE</" + s.local + "></" + local + ">"
	case flag:
		return "<" + local + ns + "/>"
	}
	return "<" + local + ns + ">"
}

func (k *key) note() string {
	switch {
	case k.repeated:
		return ", in an array for all of them"
	case k.input:
		return " (to write; it arrives as " + map[bool]string{true: "dataform", false: k.alias}[k.alias == ""] + ")"
	case k.alias != "":
		return ", beside " + k.alias
	}
	return ""
}

// The tables of keys are in the documentation.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	from, to := strings.Index(text, "// # Keys of all kinds"), strings.Index(text, "package restjson")
	if from < 0 || to < from {
		t.Fatal("doc.go has no tables")
	}
	if update := os.Getenv("UPDATE_DOC") != ""; update {
		out, err := format.Source([]byte(text[:from] + strings.TrimSuffix(documented(), "//\n") + text[to:]))
		if err == nil {
			err = os.WriteFile("doc.go", out, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if text[from:to] != strings.TrimSuffix(documented(), "//\n") {
		t.Errorf("doc.go differs from the tables; run the test with UPDATE_DOC=1\n%s", documented())
	}
}

// testdata/mapping.txt has each key in both directions.
func TestExamplesHaveAllKeys(t *testing.T) {
	data, err := os.ReadFile("testdata/mapping.txt")
	if err != nil {
		t.Fatal(err)
	}
	out, in := map[string]bool{}, map[string]bool{}
	for _, block := range strings.Split(string(data), "\n\n")[1:] {
		lines := strings.SplitN(strings.TrimSpace(block), "\n", 4)
		s, err := stanza.Parse(lines[1], stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		members, err := object([]byte(lines[3]))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			id := s.Kind.String() + " " + m.key
			out[id] = out[id] || lines[2] != "<-"
			in[id] = in[id] || lines[2] != "->"
		}
	}
	for k := stanza.Message; k <= stanza.IQ; k++ {
		for _, key := range keysOf(k) {
			ids := []string{k.String() + " " + key.name}
			for _, c := range commonKeys {
				if c.name == key.name { // any kind will do
					ids = []string{"message " + key.name, "presence " + key.name, "iq " + key.name}
				}
			}
			var outs, ins bool
			for _, id := range ids {
				outs, ins = outs || out[id], ins || in[id]
			}
			if !ins || !outs && !key.input {
				t.Errorf("%s %s: no example (to JSON %v, from JSON %v)", k, key.name, outs, ins)
			}
		}
	}
}
