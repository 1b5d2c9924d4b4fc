package muc

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"stanzahook/pkg/jid"
)

// prepared returns a nick as servers make it. Prosody 0.12 and ejabberd 23.01 prepare resources
// with the stringprep profile of RFC 6122, which has NFKC ("Ｅcho" is "Echo"); RFC 7622 asks for
// less, and of what NFKC leaves it changes only blanks. A nick that a server would change would
// look like somebody else's when the server has changed it.
func prepared(nick string) string { return fromServer(norm.NFKC.String(nick)) }

// fromServer returns a nick of an attribute as it is in the addresses of the room.
func fromServer(nick string) string {
	if full, err := jid.MustParse("room@example.com").WithResource(nick); err == nil {
		nick = full.Resource()
	}
	return strings.Clone(nick)
}

// sameNick reports whether two nicks are the same to a server, whichever profile it has.
func sameNick(a, b string) bool { return a == b || prepared(a) == prepared(b) }
