// Package delivery delivers events to the endpoints of package webhook: at least once,
// in order per conversation, retried with exponential backoff until an endpoint has
// accepted them or they are dead letters.
//
// A [Worker] delivers to one endpoint: [Worker.Enqueue] through the durable queue,
// [Worker.Deliver] in one attempt, [Worker.Request] for an IQ that waits for its answer.
// An endpoint without a URL is read from instead ([Puller]). [Removed] looks after the
// queues of endpoints that are no longer configured.
//
// # The way of one event
//
//	worker.go       Enqueue: the endpoint's queue takes the event, or its sender gets an error
//	record.go       the event as the store keeps it
//	queue.go        its lane (lane.go); it is stored while it is delivered
//	run.go          a runner takes the lane when it is the turn of its sender (source.go)
//	attempt.go      one request by webhook.Client, in one of the endpoint's slots (slots.go);
//	                the delivery log, and what the breaker (breaker.go) learns
//	retry.go        after a failure: backoff; the lane waits
//	giveup.go       too often or too late (sweep.go): a dead letter, then an error to the sender
//	respond.go      receipt, replies or error go to the XMPP server
//	queue.go        ack: when the server has confirmed them, the store removes the event
//
// Direct events and IQs go by direct.go and keyedrunner.go; events of an endpoint without
// a URL by pull*.go; loop.go ends loops; admin.go is what operators ask and do, of all
// endpoints deliveries*.go; reconfigure.go changes or removes an endpoint while it works.
//
// # The queue
//
// Events of a conversation (the two bare addresses) form a lane, and have one
// attempt in flight; lanes do not wait for each other. An event is delivered from memory
// while it is being stored; what does not fit into memory is read from the store when its
// lane gets there, which is also how a process begins. A failing lane waits by itself, and
// keeps only its first event in memory. When attempts fail in a row, the circuit breaker
// opens, and the endpoint is probed.
//
// An event is removed from the store when the endpoint has accepted it and, if
// it replied, when the XMPP server has confirmed the reply. A process that is
// killed before that delivers the event again, with the same webhook-id; an event that
// was not stored yet is lost, as if it had still been in the socket. An event that is
// given up is a dead letter first, and only then removed.
//
// # The breaker
//
// Whose fault a failure is says package webhook; the breaker draws the consequences. A
// sender is a bare JID, a room too; of a domain that is not the operator's
// (Endpoint.Hosts) the whole domain, for it can have as many users as it likes. A
// sender has as many conversations as it likes, so nothing is counted or shared by
// those. A Retry-After of 503 holds the endpoint back; one of 429 the sender, and the
// endpoint once it is failing for two senders.
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
