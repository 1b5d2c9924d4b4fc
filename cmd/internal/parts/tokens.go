package parts

import (
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi"
	"stanzahook/pkg/jid"
)

// Tokens are those of the HTTP APIs. isRoom reports whether an address is that of a room.
func Tokens(configured []config.Token, isRoom func(jid.JID) bool) []httpapi.Token {
	var all []httpapi.Token
	for _, c := range configured {
		t := httpapi.Token{Name: c.Name, Hash: c.Hash, Scopes: c.Scopes, From: c.FromGlobs, Rooms: c.RoomGlobs, Endpoint: c.Endpoint, MaxFile: int64(c.MaxBytes), IsRoom: isRoom}
		for _, from := range c.From {
			if j, err := jid.Parse(from); err == nil && !strings.ContainsAny(from, "*?") {
				t.DefaultFrom = j
				break
			}
		}
		all = append(all, t)
	}
	return all
}
