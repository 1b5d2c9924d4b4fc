package restjson

import (
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

// A text in many pieces is put together once, not anew for each piece.
func TestTextInPieces(t *testing.T) {
	for name, piece := range map[string]string{"elements between": "a<z/>", "CDATA sections": "<![CDATA[a]]>"} {
		const n = 10_000
		s, err := stanza.Parse("<message><body>"+strings.Repeat(piece, n)+"</body></message>", stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		allocs := testing.AllocsPerRun(3, func() { got = Append(nil, s) })
		if !strings.Contains(string(got), `"body":"`+strings.Repeat("a", n)+`"`) {
			t.Errorf("%s: %.100s", name, got)
		}
		if allocs > n/10 {
			t.Errorf("%s: %v allocations for %d pieces", name, allocs, n)
		}
	}
}
