// Package replica decides which one of several replicas of an installation is the active
// one: the others are standbys.
//
// Three things decide, and none of them alone:
//
//   - Liveness. Every replica sends a beat eight times within the failover time to all of them, itself
//     included. A standby takes over after it has not heard the active one for the failover
//     time, during which it has heard itself (state.go).
//   - Ownership. The record of the active replica is replaced by compare-and-set, on the
//     revision that was known while its holder was silent. So of several standbys one wins.
//     The revision is the epoch of the one that has won.
//   - The end. An active replica that has not heard itself for four fifths of the failover
//     time begins nothing any more: it may have been taken for dead. It measures by when a
//     beat was sent that it hears, and not by when it hears it: a process that was
//     frozen finds beats of before in its sockets. It begins nothing either while it misses
//     another replica and cannot prove that the record is ours: NATS may be split, and it is on the
//     smaller side. A proof is a write that more than half of the servers take; a read alone is
//     none, as a leader that is not one any more answers for a while.
//
// A replica never becomes a standby again: when the role is lost, only a fresh process goes on, as
// nobody knows what of the old one is still under way. Its stanzas are not written any more, but for errors and answers
// to IQs. Its events cannot be stored any more: the store puts a fence behind what is stored when it is opened. Other
// records it may still put, but reports none as stored (Member.Keeps), and of its outbox the next one reads none that is behind
// its own mark.
//
// A clean end hands over (Member.Release): the record is free then, and the next one begins at once.
//
// The package knows no NATS: [Board] is how replicas reach each other.
package replica
