// Package delivery delivers stanzas to HTTP endpoints and turns their answers
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
// event in memory. When attempts fail in a row, the endpoint is taken for down
// and probed (health.go).
//
// An event is removed from the store when the endpoint has accepted it and, if
// it replied, when the XMPP server has confirmed the reply. A process that is
// killed before that delivers the event again, with the same webhook-id; what
// was not stored yet is lost, as if it had still been in the socket. What is
// given up is a dead letter first, and only then removed.
//
// An endpoint without a URL is read from instead ([Puller]).
//
// # Whose fault
//
// An attempt that fails counts against one of three, and faultOf (fault.go) alone
// says which. It holds for queued and direct events, IQs and copies; who pulls
// judges nothing.
//
//	the message   it can be put into no request (a URL of more than 8000 bytes with
//	              the addresses filled in), or 400, 413, 414, 422, 431: refused, and
//	              in the queue a dead letter. The endpoint works.
//	the sender    every other status: a bot that breaks at a text breaks for whoever
//	              sends it. The breaker counts the senders.
//	the endpoint  no answer (refused, reset, TLS, name, timeout), 502, 503, 504: it
//	              did not work, whoever asked.
//
// In the formats of the modules a status of failure is the bot's answer to its
// stanza; it counts against nobody, unless it is one after which a queued event is
// tried again. 410 in format event disables the endpoint, unless its URL has
// placeholders: then it is said of one address, and counts for the sender. A
// Retry-After of 503 holds the endpoint back; one of 429 the sender, and the endpoint
// once it is failing for two senders.
//
// A sender is a bare JID, a room too; of a domain that is not the operator's
// (Endpoint.Hosts) the whole domain, for it can have as many users as it likes. A
// sender has as many conversations as it likes, so nothing is counted or shared by
// those.
//
// The breaker opens after ten failures in a row over five seconds: ten of the
// endpoint, or of two senders at least. Then the endpoint is probed, by the
// senders in turn. Others are held back only when two senders got no answer, or
// ten fail: until then each failing conversation waits by its own schedule, and
// what a sender can cause alone holds up only that sender.
//
// # What senders share
//
// Attempts in flight, the turns of lanes that are ready, events in memory and events
// delivered directly have a bound for the endpoint. Nobody holds more of them
// than are left free (mayTake), so one sender has half at most, and another one
// finds some.
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
package delivery
