package rosteradmin

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"
)

// Whatever comes: it is an array of strings and all of them are read, or it is
// refused with a text.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{`["john","aaron"]`, `[]`, `null`, `{}`, `"john"`, ``, ` [ "a" , null ]`, `["a"]["b"]`, `["\u00e9","\ud800"]`, `[["a"]]`, "[\"\xff\"]", `[1e9]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var all []any
		want := []string{}
		good := utf8.Valid(body) && json.Unmarshal(body, &all) == nil && all != nil
		for _, v := range all {
			s, is := v.(string)
			good = good && is
			want = append(want, s)
		}
		names, fault := readNames(body)
		switch {
		case good != (fault == nil):
			t.Errorf("%q: %v", body, fault)
		case good && !slices.Equal(names, want):
			t.Errorf("%q: %q", body, names)
		case !good && (fault.Status != http.StatusBadRequest || fault.Text == ""):
			t.Errorf("%q: %+v", body, fault)
		}
	})
}
