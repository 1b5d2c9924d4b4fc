package roster

import "stanzahook/pkg/jid"

// Result is what came of the refresh of one roster.
type Result string

// The results.
const (
	Applied     Result = "applied"      // the server has the wanted roster now
	Unchanged   Result = "unchanged"    // it had it already
	Degraded    Result = "degraded"     // it has it, but kept other subscriptions
	Forbidden   Result = "forbidden"    // the server does not let us, or does not do it
	NoSuchUser  Result = "no-such-user" // the server does not know the owner
	Unknown     Result = "unknown"      // the source does not know the owner; nothing was done
	SourceError Result = "source-error" // there is no wanted roster that could be trusted; nothing was done
	Timeout     Result = "timeout"      // the server did not answer, or the link to it was lost
)

// Updated reports whether the roster is as it is wanted, so far as the server
// can make it.
func (r Result) Updated() bool { return r == Applied || r == Unchanged || r == Degraded }

// Outcome is what came of the refresh of one owner's roster.
type Outcome struct {
	Owner  jid.JID // bare
	Result Result
	Detail string // for people: what was changed, or what went wrong and what to do
}
