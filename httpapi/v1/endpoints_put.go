package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// maxEndpointBytes bounds the JSON of an endpoint.
const maxEndpointBytes = 64 << 10

// WrongEndpoint is what is wrong with an endpoint that was put.
type WrongEndpoint struct {
	Problems []string // each with its key; none shows a secret
	// Forbidden says that nothing is wrong but the address, which may not be reached.
	Forbidden bool
}

func (w *WrongEndpoint) Error() string {
	const shown = 5
	if more := len(w.Problems) - shown; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(w.Problems[:shown], "; "), more)
	}
	return strings.Join(w.Problems, "; ")
}

// Matched says what would become of a stanza.
type Matched struct {
	Match   bool     `json:"match"`    // its keys fit the endpoint
	TakenBy *string  `json:"taken_by"` // the endpoint that gets it and may answer; null: none
	Copies  []string `json:"copies"`   // the endpoints that get a copy
	Why     string   `json:"why"`
}

func (p endpoints) match(w http.ResponseWriter, r *http.Request) error {
	s, err := asked(w, r)
	if err != nil {
		return err
	}
	m, err := p.all.Match(p.name(r), s)
	if err != nil {
		return p.missing(r, err)
	}
	return answer(w, http.StatusOK, m)
}

// asked reads the stanza of a question: its XML, or the keys of a stanza as for sending.
func asked(w http.ResponseWriter, r *http.Request) (*stanza.Stanza, error) {
	data, fault := httpapi.ReadText(w, r, document.JSON)
	if fault != nil {
		return nil, fault
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, explain(r, data, err)
	}
	if _, whole := keys["stanza"]; whole {
		return parsed(keys)
	}
	f, err := restjson.Decode(data)
	if err == nil {
		err = f.UnknownKey()
	}
	if err != nil {
		return nil, wrongf("%s", err)
	}
	if f.To.IsZero() {
		return nil, wrongf("to: is missing; write the address that the stanza is for")
	}
	f.Guess()
	if f.Type == "" && f.Kind == stanza.Message {
		f.Type = types[stanza.Message][0]
	}
	if f.Type == "available" {
		f.Type = ""
	}
	s, err := stanza.Build(f.Header, f.Inner, stanza.Limits{})
	if err != nil {
		return nil, wrongf("the stanza cannot be made: %v", err)
	}
	return s, nil
}

// parsed reads a stanza that is given as XML, and with nothing else.
func parsed(keys map[string]json.RawMessage) (*stanza.Stanza, error) {
	var xml string
	if json.Unmarshal(keys["stanza"], &xml) != nil || len(keys) > 1 {
		return nil, wrongf("stanza: write the XML of one stanza as a string, without other keys, or the keys to, from, type, body without stanza")
	}
	s, err := stanza.Parse(xml, stanza.Limits{})
	if err != nil {
		return nil, wrongf("stanza: %v", err)
	}
	if s.To.IsZero() {
		return nil, wrongf("stanza: has no to; write the address that it is for")
	}
	return s, nil
}
