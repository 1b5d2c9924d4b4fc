// Package component is the link to an XMPP server as an external component
// (XEP-0114): it dials, shakes hands, reads and writes stanzas, and does so
// again when the connection is lost.
//
// # What the link guarantees
//
//  1. Handlers run on the reader's goroutine, in the order of the stream. They may
//     answer, send or enqueue; they must not wait, neither for the network nor for a
//     full queue: a reader that stops would also stop the markers that confirm what
//     was sent. A stanza that cannot be enqueued is bounced. The write side is bounded
//     too; at its bound the connection is closed and opened anew.
//  2. Every IQ of type get or set is answered exactly once (RFC 6120 section 8.2.3).
//     The link guarantees it, not each handler: see [Incoming]. Results, errors and
//     stanzas of type error are never answered with an error.
//  3. Each pending request is keyed by peer and id, the table is bounded, and every way
//     out (answer, deadline, lost connection, full table) has its own error.
//  4. A stanza leaves memory only when it is answered, stored, or confirmed by the
//     server, or when another process has the name by now ([Link.Stay]).
//
// [Link.Run] dials, shakes hands, serves the connection to its end, waits and begins
// again.
//
// # Confirmed sends
//
// XEP-0114 has no acknowledgements: a stanza that was written into a socket that then
// breaks may be lost without an error. But a server handles the stanzas of one stream
// in order. So after what it writes, the link sends a marker, a message from and to a
// full JID of its own domain. When the server delivers the marker back, it has accepted
// everything written before it. One marker is open at a time; the next one goes with the
// first write after it came back. An idle link sends one per keepalive, which is also how
// it notices a dead connection. If a marker does not come back, others follow it, one each half second: when a
// later one returns and the earlier did not, another connection uses our name (servers
// keep order); when none does and nothing else comes either, the connection is dead.
//
// # Another process with the name
//
// Of several replicas one has the name. While it cannot say that it still is the one (Options.May), it writes nothing but
// answers to what it has read; what is said in the name of bots could come behind what the next one says.
//
// # What is sent again
//
// A stanza over which the server closes the stream would be sent again with every
// connection, and end it. So after such an end the unconfirmed stanzas go out one by
// one, and the one that ends the stream again is given up.
//
// What must not go out on the next connection by itself (the join of a room, and what is said
// there before the bot is in it again) is sent by [Link.SendOnce]; who sends it hears that its
// connection was lost.
//
// A stanza that others will follow soon may wait for them, for up to a millisecond
// ([Link.SendWithMore]): at full load the replies of bots would otherwise reach the
// server one by one, each at the cost of a system call or two on both sides. A lone
// message, or one whose sender waits for confirmation, is never delayed. In process this
// gives some 3 % more events/s (BenchmarkEventQueued), on Prosody up to as much, on
// ejabberd none.
//
// Confirmed means that the server has accepted the stanza, not that the user has
// received it, nor that it survives a crash of the server.
//
// # Use of gosrc.io/xmpp
//
// That library's stanza package is the vocabulary of payloads (disco, version)
// and its Client is an independent real client in tests and in the demo. Its
// Component is not used: it hands out decoded stanzas, which lose unknown
// children and take a nested body for the message's own; it matches IQ answers
// by id alone; it does not reconnect after a clean close; and its transport
// knows neither TLS nor deadlines for components.
package component
