package restjson

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/stanza"
)

// documented returns the tables of the guide's page.
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
		b.WriteString("\n## " + part.title + "\n\n```text\n")
		width := 0
		for _, k := range part.keys {
			width = max(width, len(k.name))
		}
		for _, k := range part.keys {
			pad := strings.Repeat(" ", width)
			b.WriteString((k.name + pad)[:width] + "  " + k.xml() + "\n" + pad + "    " + k.shape.doc() + k.note() + "\n")
		}
		b.WriteString("```\n")
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

// The tables of keys are in the guide.
func TestKeysInTheGuide(t *testing.T) {
	const page = "../../examples/guide/keys.md"
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	head, tables, _ := strings.Cut(string(data), "\n## ")
	if tables = "\n## " + tables; tables == documented() {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the tables; run the test with -update", page)
	}
	require.NoError(t, os.WriteFile(page, []byte(head+documented()), 0o644))
}

// testdata/mapping.txt has each key in both directions.
func TestExamplesHaveAllKeys(t *testing.T) {
	out, in := map[string]bool{}, map[string]bool{}
	for _, e := range examples(t) {
		members, err := object([]byte(e.json))
		require.NoError(t, err)
		for _, m := range members {
			id := parse(e.xml).Kind.String() + " " + m.key
			out[id] = out[id] || e.encodes()
			in[id] = in[id] || e.decodes()
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
