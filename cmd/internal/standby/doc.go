// Package standby makes a process one of the replicas that have a store on NATS in common, of
// which one is active.
//
//	replica.go       the walk: NATS is reached, this replica is a member, it is the active one, the end
//	http.go          what a standby answers itself, and what it passes on to the active replica
//	about.go         what a replica tells the others of itself: its name, hashes of its configuration
//	lost.go          how many events were lost with a role, over fresh processes
//	unsent_linux.go  what the kernel has not brought over is dropped when a role is lost
//
// # Laws
//
//   - Before it is the active one, a replica has no link, no store and no event. What runs on the
//     active one it does not know: it is handed two functions of it ([Active]).
//   - The HTTP server is one from the start to the end: callers wait during a takeover, and are
//     not turned away.
//   - Once the role is lost, only a fresh process may go on. Nothing is finished, for it may be
//     another replica's by now.
//   - No secret is in what replicas tell each other: of secrets there is a hash, with a key that
//     only they have.
package standby
