package roster

import "stanzahook/pkg/jid"

// Result is the result of refreshing one roster.
type Result string

// The results.
const (
	Applied     Result = "applied"      // the server now has the wanted roster
	Unchanged   Result = "unchanged"    // the server already had the wanted roster
	Degraded    Result = "degraded"     // the server has the contacts, but kept other subscriptions
	Forbidden   Result = "forbidden"    // the server refuses the access, or ignores the changes
	NoSuchUser  Result = "no-such-user" // the server does not know the owner
	Unknown     Result = "unknown"      // the source does not know the owner; nothing was changed
	SourceError Result = "source-error" // the source gave no roster that can be trusted; nothing was changed
	Timeout     Result = "timeout"      // the server did not answer, or the link to it was lost
)

var results = [...]Result{Applied, Unchanged, Degraded, Forbidden, NoSuchUser, Unknown, SourceError, Timeout}

// Updated reports whether the roster is as wanted, as far as the server supports
// it.
func (r Result) Updated() bool { return r == Applied || r == Unchanged || r == Degraded }

// Outcome is the outcome of refreshing one owner's roster.
type Outcome struct {
	Owner  jid.JID // bare
	Result Result
	Detail string // for people: what was changed, or what failed and what to do
}
