package rosteradmin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
)

// options are the query parameters.
type options struct {
	host         string
	force, async bool
}

func readOptions(r *http.Request) (options, *httpapi.Fault) {
	values, f := httpapi.Parameters(r, "host", "force", "async")
	if f != nil {
		return options{}, f
	}
	o := options{host: values.Get("host")}
	if o.force, f = httpapi.Flag(values, "force"); f != nil {
		return options{}, f
	}
	o.async, f = httpapi.Flag(values, "async")
	return o, f
}

// one returns the user in the path.
func one(_ http.ResponseWriter, r *http.Request) ([]string, *httpapi.Fault) {
	user := mux.Vars(r)["user"]
	if user == "" {
		return nil, refuse(http.StatusNotFound, "the path names no user")
	}
	return []string{user}, nil
}

// many parses the users in the body. It ignores the Content-Type: curl declares a form.
func many(w http.ResponseWriter, r *http.Request) ([]string, *httpapi.Fault) {
	body, f := httpapi.ReadText(w, r, document.JSON)
	if f != nil {
		return nil, f
	}
	return readNames(body)
}

// readNames parses an array of strings.
func readNames(body []byte) ([]string, *httpapi.Fault) {
	const want = `send a JSON array of user names, such as ["john","aaron"]`
	switch {
	case len(body) == 0:
		return nil, refuse(http.StatusBadRequest, "there is no body; "+want)
	case !utf8.Valid(body):
		return nil, refuse(http.StatusBadRequest, "the body is not valid UTF-8; "+want)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil || elements == nil { // null
		return nil, refuse(http.StatusBadRequest, "the body is not a JSON array; "+want)
	}
	names := make([]string, len(elements))
	for i, e := range elements {
		if e[0] != '"' {
			return nil, refuse(http.StatusBadRequest, fmt.Sprintf("element %d of the array is not a string; %s", i+1, want))
		}
		if err := json.Unmarshal(e, &names[i]); err != nil { // it was well-formed in the whole
			return nil, refuse(http.StatusBadRequest, fmt.Sprintf("element %d of the array: %s", i+1, err))
		}
	}
	return names, nil
}

// users are those whose rosters to refresh.
type users struct {
	owners []jid.JID          // each once, in the order of the request
	names  map[jid.JID]string // as in the request
}

func (h handler) users(names []string, host string) (users, *httpapi.Fault) {
	u := users{names: make(map[jid.JID]string, len(names))}
	for i, name := range names {
		owner, err := h.Rosters.Owner(name, host)
		if err != nil {
			return u, refuse(http.StatusBadRequest, fmt.Sprintf("user %d: %s; nothing was refreshed", i+1, err))
		}
		if _, twice := u.names[owner]; !twice {
			u.owners = append(u.owners, owner)
			u.names[owner] = name
		}
	}
	return u, nil
}

// name returns a user as in the request.
func (u users) name(bare string) string {
	if owner, err := jid.Parse(bare); err == nil && u.names[owner] != "" {
		return u.names[owner]
	}
	return bare
}
