package restjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// member is a member of a JSON object. Its value is a part of the object's text.
type member struct {
	key   string
	value json.RawMessage
}

// fewMembers is up to how many members comparing keys is quicker than a map.
const fewMembers = 16

// object reads the members in order. It refuses equal keys, of which encoding/json
// would silently use the last.
//
// encoding/json checks the text, and what is left is to find where the members begin and
// end: a third of the time that its Decoder takes, and a fifth of the allocations.
func object(data []byte) ([]member, error) {
	if !json.Valid(data) {
		return nil, noObject(data)
	}
	at := skipSpace(data, 0)
	if data[at] != '{' {
		return nil, ErrNotObject
	}
	members := make([]member, 0, 8)
	var seen map[string]bool
	for at = skipSpace(data, at+1); data[at] != '}'; at = skipSpace(data, at) {
		if data[at] == ',' {
			at = skipSpace(data, at+1)
		}
		end := endOfValue(data, at)
		key := unquote(data[at:end])
		at = skipSpace(data, skipSpace(data, end)+1) // behind the colon
		end = endOfValue(data, at)
		if seen[key] || seen == nil && slices.ContainsFunc(members, func(m member) bool { return m.key == key }) {
			return nil, wrong(keyName(key), "the key appears twice")
		}
		members = append(members, member{key, json.RawMessage(data[at:end:end])})
		at = end
		switch n := len(members); {
		case n == fewMembers:
			seen = make(map[string]bool, 2*fewMembers)
			for _, m := range members {
				seen[m.key] = true
			}
		case n > fewMembers:
			seen[key] = true
		}
	}
	return members, nil
}

// noObject returns why a text that is not JSON is no object.
func noObject(data []byte) error {
	var first json.RawMessage
	switch err := json.NewDecoder(bytes.NewReader(data)).Decode(&first); {
	case err != nil:
		return notObject(data)
	case first[0] != '{':
		return ErrNotObject
	}
	return fmt.Errorf("%w: something follows it", ErrNotObject)
}

// skipSpace returns where the next token of a valid JSON text begins.
func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\t' || data[at] == '\n' || data[at] == '\r') {
		at++
	}
	return at
}

// endOfValue returns where a value of a valid JSON text ends.
func endOfValue(data []byte, at int) int {
	for depth := 0; ; {
		switch data[at] {
		case '"':
			at = endOfString(data, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		default: // a number, true, false, null, or what is between values
			at++
			for depth == 0 && at < len(data) && !bytes.ContainsRune([]byte(" \t\n\r,]}"), rune(data[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}

// endOfString returns where a string of a valid JSON text ends.
func endOfString(data []byte, at int) int {
	for at++; data[at] != '"'; at++ {
		if data[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// unquote returns what a valid JSON string says.
func unquote(data []byte) (v string) {
	if bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) {
		return string(data[1 : len(data)-1])
	}
	_ = json.Unmarshal(data, &v) // it is valid
	return v
}
