package form_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// Whatever a program writes as a form, and whatever comes back for it: what is accepted can be
// sent, is JSON, and is accepted again as it is.
func FuzzForm(f *testing.F) {
	f.Add(`{"title":"t","fields":[{"name":"a","type":"list","options":{"x":"X"},"required":true},{"name":"n","type":"number","min":1}]}`, "<x xmlns='jabber:x:data' type='submit'><field var='a'><value>x</value></field><field var='n'><value>-0.50</value></field></x>")
	f.Add(`{"fields":[{"name":"b","type":"boolean","value":true},{"name":"j","type":"jid-multi"},{"type":"fixed","label":"f"},{"name":"h","type":"hidden","value":["h"]},{"name":"l","type":"text-multi","value":["1","2"]}]}`, "<x xmlns='jabber:x:data'><field var='j'><value>A@b/C</value><value> </value></field><field var='b'/></x>")
	f.Add(`{"fields":[{"name":"m","type":"list-multi","options":["", "a"]},{"name":"p","type":"private"}]}`, "<x xmlns='jabber:x:data'><field var='m'><value/></field><field var='p'><value>x</value></field></x>")
	f.Fuzz(func(t *testing.T, text, raw string) {
		x, err := form.Parse([]byte(text))
		if err != nil {
			return
		}
		in, err := stanza.ParseElement(raw, stanza.Limits{})
		if err != nil {
			return
		}
		given := form.Read(in)
		if _, err := stanza.ParseElement(x.XML(given), stanza.Limits{MaxBytes: 1 << 24}); err != nil {
			t.Fatalf("the form is no XML: %v\n%s", err, x.XML(given))
		}
		values, wrong := x.Validate(given)
		if len(wrong) > 0 {
			if values != nil {
				t.Fatal("values beside problems")
			}
			return
		}
		if out := form.AppendJSON(nil, []form.Page{{Form: x, Values: values}}); !json.Valid(out) {
			t.Fatalf("no JSON: %s", out)
		}
		if names := x.Missing(values); len(names) > 0 {
			t.Fatalf("missing: %q", names)
		}
		again, wrong := x.Validate(values)
		if len(wrong) > 0 || !reflect.DeepEqual(again, values) {
			t.Fatalf("%q is not %q: %v", again, values, wrong)
		}
	})
}
