// Package tail shows what happens now: whoever does something adds an event to a [Tail],
// and each [Reader] gets those that its [Filter] wants, as server-sent events (WHATWG
// HTML section 9.2).
//
// # The walk of an event
//
//	kinds.go    one method for each kind of event; it never waits
//	slot.go     the event is copied into a ring of the latest ones
//	tail.go     readers that wait are woken
//	reader.go   a reader finds in the ring what it wants, and what it has missed
//	places.go   how many readers there may be
//	encode.go   the event as JSON, when the first reader shows it
//
// # Cost
//
// Adding copies some 200 bytes under a lock, and allocates nothing for deliveries.
// Readers have no queues: each is a position in the ring, so one that reads slowly costs
// no memory, and holds up nobody. An event is encoded once, and only if somebody reads.
// Readers wake together, ten times a second at most, and share [perSecond] events a
// second; when more happens they miss some, and are told how many.
//
// The ring is memory only. Killed: it is lost; the ids of the next process are larger,
// so its readers learn that they may have missed something.
package tail
