// Package webhook delivers stanzas to HTTP endpoints and turns their answers
// into stanzas.
//
// A stanza for an endpoint is an [Event]. Posting it is an attempt; what the
// endpoint answered is judged by the endpoint's format into a [Verdict]: done
// (perhaps with replies), refused, or to be tried again. [Worker] makes the
// attempts.
//
// # The queue
//
// Events of a conversation (the two bare addresses) form a lane, and have one
// attempt in flight; lanes do not wait for each other (queue.go). An event is
// delivered from memory while it is being stored; what does not fit into memory
// is read from the store when its lane gets there, which is also how a process
// begins. A failing lane waits by itself (again.go), and keeps only its first
// event in memory. When attempts of several conversations fail in a row, the
// endpoint is taken for down and probed (health.go).
//
// An event is removed from the store when the endpoint has accepted it and, if
// it replied, when the XMPP server has confirmed the reply. A process that is
// killed before that delivers the event again, with the same webhook-id; what
// was not stored yet is lost, as if it had still been in the socket. What is
// given up is a dead letter first, and only then removed.
//
// An endpoint without a URL is read from instead ([Puller]).
//
// # Where the time goes
//
// Prosody at full load, four conversations, format event with a JSON reply,
// queued and confirmed; shares of this process's CPU, about 50 µs an event:
//
//	30 %  the POST: request, answer, two system calls
//	23 %  storing the event, and removing it
//	16 %  its JSON, reading the reply, building the stanza that goes back
//	14 %  reading from and writing to the XMPP server
//	 7 %  garbage collector, scheduler
//	 3 %  the delivery log
//	 7 %  lanes, headers, confirmations
//
// go test -bench EventQueued -cpuprofile shows the same without a server.
//
// Before, with net/http, reflection in the event's JSON, and a store that was
// read through a consumer, it was about 100 µs: net/http hands each request to
// two goroutines and back, and the way through a consumer costs as much as the
// publish again.
package webhook
