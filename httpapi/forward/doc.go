// Package forward passes requests on to the active replica of an installation, so that any replica
// may be asked for anything.
//
// Who may do what, the active replica decides: a request goes to it as it is, with a header
// that says which replica passes it on and what the address of its caller is. The header is
// signed with a key that only replicas have (signature.go). A request that has it is not passed on again.
//
// While no replica is active, a request is held, and answered with 503 and Retry-After in
// the end: nothing was done. A request that was sent and has no answer, as its replica has
// died, may have been done. It is sent once more if that does no harm: a GET, and what has an
// Idempotency-Key where one counts; a replica that says that the first one is in progress is asked again. All
// else is answered with 502, and the caller decides. An answer that has begun
// ends where the replica has died; so do streams of events, whose readers come again.
//
// Killed at any point: the caller's connection breaks, and what the active replica has got goes
// on there.
package forward
