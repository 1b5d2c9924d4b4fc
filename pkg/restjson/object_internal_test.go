package restjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// decoded is [object] with the Decoder of encoding/json.
func decoded(data []byte) (members []member, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	seen := make(map[string]bool)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false
		}
		m := member{key: key.(string)}
		if d.Decode(&m.value) != nil || seen[m.key] {
			return nil, false
		}
		seen[m.key] = true
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return members, true
}

func FuzzObject(f *testing.F) {
	long := strings.Builder{}
	for i := range 40 {
		fmt.Fprintf(&long, "%q:%d,", fmt.Sprint("key", i), i)
	}
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, "\t{ \"a\" :\r\n1.5e-7 , \"b\":[1,{\"c\":\"]}\\\"\"},[]],\"d\":{} }\n", `{"a":"\\","b":"\u0041\n"}`,
		`{"\u0061":1,"b":null,"c":true,"d":false,"e":-0}`, "{\"\xff\":\"\xff\"}", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1} {}`, `[1] x`, `"a"`, `{"a"`, `{"a":1,}`, ``, `null`,
		"{" + long.String() + `"key40":0}`, "{" + long.String() + `"key7":0}`, "{" + long.String() + `"key39":0}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := object(data)
		want, ok := decoded(data)
		if ok != (err == nil) {
			t.Fatalf("%q: %v, and encoding/json says %v", data, err, ok)
		}
		if field := (*FieldError)(nil); err != nil && !errors.Is(err, ErrNotObject) && !errors.As(err, &field) {
			t.Errorf("%q: %v", data, err)
		}
		if len(members) != len(want) {
			t.Fatalf("%q: %d members, want %d", data, len(members), len(want))
		}
		for i, m := range members {
			if m.key != want[i].key || !bytes.Equal(m.value, want[i].value) {
				t.Errorf("%q: %q %s, want %q %s", data, m.key, m.value, want[i].key, want[i].value)
			}
			if m.value[0] != '"' {
				continue
			}
			var s string
			if json.Unmarshal(m.value, &s) != nil || unquote(m.value) != s {
				t.Errorf("%q is %q, want %q", m.value, unquote(m.value), s)
			}
		}
	})
}

// What is no object is refused with what is wrong.
func TestNoObject(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1} {}`:    "a JSON object is expected: something follows it",
		`[1]`:           "a JSON object is expected",
		`[1] x`:         "a JSON object is expected",
		`null`:          "a JSON object is expected",
		`{"a":1,"a":2}`: "a: the key appears twice",
	} {
		if _, err := object([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
