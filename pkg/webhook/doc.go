// Package webhook is what stanzahook and an HTTP endpoint say to each other: how a
// stanza is put into a request, in one of four formats, and what the answer means.
//
// A stanza for an endpoint is an [Event]; a [Client] posts it, and judges the answer
// into a [Verdict]. Package delivery makes the attempts, in order and again.
package webhook
