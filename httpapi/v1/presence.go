package v1

import (
	"net/http"

	"stanzahook/pkg/stanza"
)

// postPresence sends presence to an address. With muc it joins a room (XEP-0045
// section 7.2); the room's answers and what is said there go to the endpoints.
func (s sender) postPresence(w http.ResponseWriter, r *http.Request) error {
	return s.postSend(w, r, stanza.Presence)
}
