package v1

import (
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// selfJSON is what a token may do.
type selfJSON struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	From   []string `json:"from"`  // patterns of the addresses that it may send from; none: all
	Rooms  []string `json:"rooms"` // that it may use; none: all

	Endpoint *string `json:"endpoint"` // whose events alone it may pull; null: those of all
}

// showSelf answers with what the caller may do.
func showSelf(w http.ResponseWriter, r *http.Request) error {
	who := httpapi.IdentityOf(r.Context())
	me := selfJSON{Name: who.Name, Scopes: []string{}, From: []string{}, Rooms: []string{}, Endpoint: optional(who.Endpoint)}
	for _, scope := range gateway.Scopes() {
		if who.Can(scope) {
			me.Scopes = append(me.Scopes, scope)
		}
	}
	for _, g := range who.From {
		me.From = append(me.From, g.String())
	}
	for _, g := range who.Rooms {
		me.Rooms = append(me.Rooms, g.String())
	}
	return answer(w, http.StatusOK, me)
}
