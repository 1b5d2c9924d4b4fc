package roster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

var john = jid.MustParse("john@example.com")

// shown writes a roster in lines, for a comparison.
func shown(r roster.Roster) string {
	var lines []string
	for item := range maps.Values(r) {
		lines = append(lines, item.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestDecode(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"the module's README", `{"marie@example.com": {"name": "Marie"}, "michael@example.com": {"name": "Michael"}}`,
			"marie@example.com (\"Marie\", groups [], subscription both)\nmichael@example.com (\"Michael\", groups [], subscription both)"},
		{"no contacts", ` {} `, ""},
		{"after a byte order mark", "\ufeff" + `{"a@example.com": {}}`, `a@example.com ("", groups [], subscription both)`},
		{"nothing said", `{"a@example.com": {}}`, `a@example.com ("", groups [], subscription both)`},
		{"no contacts, of PHP", " [ ] ", ""},
		{"nothing said, of PHP", `{"a@example.com":[],"b@example.com": [ ] }`, "a@example.com (\"\", groups [], subscription both)\nb@example.com (\"\", groups [], subscription both)"},
		{"no groups, of PHP", `{"a@example.com": {"groups": []}, "b@example.com": {"groups": {}}}`, "a@example.com (\"\", groups [], subscription both)\nb@example.com (\"\", groups [], subscription both)"},
		{"null", `{"a@example.com": {"name": null, "groups": null, "subscription": null}}`, `a@example.com ("", groups [], subscription both)`},
		{"groups in a list", `{"a@example.com": {"groups": ["Work", "Friends", "Work"]}}`, `a@example.com ("", groups ["Friends" "Work"], subscription both)`},
		{"groups in an object", `{"a@example.com": {"groups": {"Work": true, "Friends": true, "Family": false}}}`, `a@example.com ("", groups ["Friends" "Work"], subscription both)`},
		{"subscription", `{"a@example.com": {"subscription": "from"}}`, `a@example.com ("", groups [], subscription from)`},
		{"other members", `{"a@example.com": {"ask": "subscribe", "age": 7, "Name2": []}}`, `a@example.com ("", groups [], subscription both)`},
		{"in another spelling", `{"Á@EXAMPLE.com.": {"name": "\u00c1 <&>\n2"}}`, `á@example.com ("Á <&> 2", groups [], subscription both)`},
		{"a domain", `{"bot.example.com": {}}`, `bot.example.com ("", groups [], subscription both)`},

		{"nothing", ``, `it is not JSON: it is empty`},
		{"half", `{"a@example.com": {"name":`, `it is not JSON: it ends too early`},
		{"HTML", `<html>`, `it is not JSON: it looks like HTML or XML`},
		{"a list", `["a@example.com"]`, `it is a list; write an object, {"contact@example.com": {…}}, or {} for no contacts`},
		{"a list in a list", `[[]]`, `it is a list; write an object, {"contact@example.com": {…}}, or {} for no contacts`},
		{"an empty list that does not end", `[`, "it is not JSON: it ends too early"},
		{"something behind an empty list", `[] {}`, "something follows the list at byte 4"},
		{"a contact that is a list", `{"a@example.com": ["b"]}`, `contact "a@example.com": write an object, {} if there is nothing to say`},
		{"a contact that is a list in a list", `{"a@example.com": [[]]}`, `contact "a@example.com": write an object, {} if there is nothing to say`},
		{"a name that is an empty list", `{"a@example.com": {"name":[]}}`, `contact "a@example.com": name: is a array; write a string`},
		{"null alone", `null`, `it is null; write an object, {"contact@example.com": {…}}, or {} for no contacts`},
		{"more", `{} {}`, `something follows the object at byte 4`},
		{"no address", `{"a b@example.com": {}}`, `contact "a b@example.com": is not an address: localpart: contains a space`},
		{"empty", `{"": {}}`, `contact "": is not an address: domainpart: is empty`},
		{"a resource", `{"a@example.com/x": {}}`, `contact "a@example.com/x": has a resource; contacts are bare addresses: write a@example.com`},
		{"the owner", `{"JOHN@example.com": {}}`, `contact "JOHN@example.com": is the owner`},
		{"twice", `{"a@example.com": {}, "A@example.com": {}}`, `contact "A@example.com": a@example.com appears twice`},
		{"no object", `{"a@example.com": "Marie"}`, `contact "a@example.com": write an object, {} if there is nothing to say`},
		{"null contact", `{"a@example.com": null}`, `contact "a@example.com": write an object, {} if there is nothing to say`},
		{"name", `{"a@example.com": {"name": 7}}`, `contact "a@example.com": name: is a number; write a string`},
		{"groups", `{"a@example.com": {"groups": "Friends"}}`, `contact "a@example.com": groups: write a list of strings, or an object, {"Friends": true}`},
		{"a group", `{"a@example.com": {"groups": [7]}}`, `contact "a@example.com": groups: write a list of strings`},
		{"a null group", `{"a@example.com": {"groups": [null]}}`, `contact "a@example.com": groups: null is not a group name`},
		{"an empty group", `{"a@example.com": {"groups": [" "]}}`, `contact "a@example.com": groups: a group has no name`},
		{"groups as words", `{"a@example.com": {"groups": {"Friends": "yes"}}}`, `contact "a@example.com": groups: write true for each group`},
		{"a subscription", `{"a@example.com": {"subscription": "remove"}}`, `contact "a@example.com": subscription: "remove" is not known; write none, to, from or both`},
		{"a control character", `{"a@example.com": {"name": "x\u0001"}}`, `contact "a@example.com": "x\x01" has a character at byte 1 that XML cannot carry`},
		{"a long name", fmt.Sprintf(`{"a@example.com": {"name": %q}}`, strings.Repeat("x", 1024)), `contact "a@example.com": a name or group has 1024 bytes; at most 1023 are allowed`},
		{"many groups", `{"a@example.com": {"groups": ["x"` + strings.Repeat(`,"x"`, 100) + `]}}`, `contact "a@example.com": is in 101 groups; at most 100 are allowed`},
		{"many contacts", manyContacts(10_001), `there are more than 10000 contacts`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := roster.Decode([]byte(tc.answer), john)
			got := shown(r)
			if err != nil {
				if got = err.Error(); r != nil {
					t.Error("a roster in spite of the error")
				}
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func manyContacts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"c%d@example.com":{}`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// Whatever is taken can be stored, and is the same when it is read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"marie@example.com": {"name": "Marie", "groups": ["A", "B"], "subscription": "to"}}`))
	f.Add([]byte(`{"a@example.com": {"groups": {"x": true}}, "b@example.com": {"name": null}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		want, err := roster.Decode(answer, john)
		if err != nil {
			return
		}
		rec := roster.Record{Answer: answer, ETag: `"1"`, Added: slices.Collect(maps.Keys(want))}
		data, err := rec.Encode()
		require.NoError(t, err)
		back, err := roster.DecodeRecord(data)
		require.NoError(t, err)
		again, err := back.Wanted(john)
		if err != nil || !again.Equal(want) {
			t.Errorf("%v\n%s\n%s", err, shown(again), shown(want))
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"answer":{},"extra":[{"jid":"a@b","subscription":"to"}]}`))
	f.Add([]byte("\x00\x03\x08abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := roster.DecodeRecord(data); err == nil {
			if _, err := r.Encode(); err != nil {
				t.Error(err)
			}
		}
	})
}
