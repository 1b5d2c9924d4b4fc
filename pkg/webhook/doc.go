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
// The whole way on a real server at full load, as make bench measures it: four
// conversations, format event, a text as the reply, queued and confirmed.
// Shares of this process's CPU, about 40 µs an event on two cores where nothing
// else runs:
//
//	Prosody  ejabberd
//	   38 %      34 %  the POST; more than two thirds of that are its system calls
//	   21 %      21 %  scheduler, garbage collector
//	   14 %      16 %  reading from and writing to the XMPP server
//	   11 %      11 %  its JSON, the reply
//	    8 %      13 %  storing the event and removing it
//	    5 %       4 %  lanes
//	    2 %       2 %  the delivery log
//
// Storing and removing took 22 and 21 % of 46 µs when removals were not yet held to
// a tenth of the time.
//
// make profile measures these shares again; go test -bench EventQueued -cpuprofile
// shows the same without a server.
//
// An attempt through net/http would be handed to two goroutines and back, and
// one through a general client that writes the header anew costs 4 µs more. A
// reply that is a text is not parsed again (3 µs). A removal costs the store
// 0.7 ms, so there are few (store.sweepPause: 4 µs an event at 20 ms).
//
// What is left is mostly the kernel's: a program that only posts what it gets
// and writes the answer back, with no store, no confirmation and no XML parser,
// takes 28 µs an event.
package webhook
