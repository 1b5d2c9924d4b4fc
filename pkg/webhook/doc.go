// Package webhook delivers stanzas to HTTP endpoints and turns their answers
// into stanzas.
//
// A stanza for an endpoint is an [Event]. Posting it is an attempt; what the
// endpoint answered is judged by the endpoint's format into a [Verdict]: done
// (perhaps with replies), refused, or to be tried again. [Worker] makes the
// attempts: strictly in order within a conversation (the two bare addresses),
// with one in flight, while conversations do not wait for each other. An
// attempt that is to be repeated is repeated in place, so a failing
// conversation blocks only itself.
//
// A queued event is acknowledged in the store when the endpoint has accepted
// it and, if it replied, when the XMPP server has confirmed the reply. A
// process that is killed before that delivers the event again, with the same
// webhook-id.
package webhook
