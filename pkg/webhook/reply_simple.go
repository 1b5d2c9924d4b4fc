package webhook

import (
	"bytes"
	"encoding/json"

	"stanzahook/pkg/stanza"
)

// simple reads the most frequent JSON reply: an object
// with a body and perhaps the id or the type of a message, each a string. The result is
// that of object, at a fraction of the cost. For all other replies, malformed ones too, ok
// is false, and object decides.
func simple(data []byte) (h stanza.Header, body string, ok bool) {
	data = bytes.TrimSpace(data)
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return h, "", false
	}
	rest := data[1 : len(data)-1]
	var seen [3]bool
	for n := 0; ; n++ {
		key, after, ok := quoted(rest)
		if !ok {
			return h, "", false
		}
		after = bytes.TrimLeft(after, " \t\r\n")
		if len(after) == 0 || after[0] != ':' {
			return h, "", false
		}
		value, after, ok := quoted(after[1:])
		if !ok {
			return h, "", false
		}
		i := 0
		switch key {
		case "body":
			body = value
		case "id":
			i, h.ID = 1, value
		case "type":
			i, h.Type = 2, value
		default:
			return h, "", false
		}
		if seen[i] {
			return h, "", false
		}
		seen[i] = true
		after = bytes.TrimLeft(after, " \t\r\n")
		if len(after) == 0 {
			break
		}
		if after[0] != ',' {
			return h, "", false
		}
		rest = after[1:]
	}
	switch h.Type {
	case "", "chat", "normal", "groupchat", "headline":
	default:
		return h, "", false
	}
	h.Kind = stanza.Message
	return h, body, body != "" && stanza.CheckText(body) < 0 && stanza.CheckText(h.ID) < 0
}

// quoted reads a JSON string and returns the rest.
func quoted(data []byte) (s string, rest []byte, ok bool) {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != '"' {
		return "", nil, false
	}
	escaped := false
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"' && !escaped:
			return string(data[1:i]), data[i+1:], true
		case c == '"':
			err := json.Unmarshal(data[:i+1], &s)
			return s, data[i+1:], err == nil
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			return "", nil, false
		}
	}
	return "", nil, false
}
