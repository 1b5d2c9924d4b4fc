// Package httpapi is the HTTP server: routing, authentication, limits, health.
//
// A [Handler] serves [Mount]s, such as that of package rest: routes under one prefix, with
// the way errors are written there, as programs for other software expect the errors of
// that software. A [Server] listens for it. What is the same for all mounts is here:
//
//	request id -> access log -> recover -> base path              every request
//	-> authentication -> rate limit -> size and arrival of the body
//	-> a slot -> handler                                          requests of a Mount
//
// A mount may decide itself who may, before all of that (door.go): then a stranger costs little,
// and strangers wait for each other alone when there are many (strangers.go).
//
// Only /healthz, /readyz and the routes of Options.Open need no authentication.
//
// # Time
//
// There is no write timeout for all answers, as those of IQs and event streams may take
// minutes. Each step has its own: the header, the arrival of the body, the answer once it
// has begun, and the idle connection. How long a handler waits is between it and the
// caller.
//
// # Load
//
// Connections are bounded by the files that the process may open; one address has at most
// half of them. One too many closes the connection that has been without a request for
// longest, which is a slow or idle client. A body is read before its request takes a
// slot, and reserves memory as it comes, of which there is a bound for all bodies. One
// caller has at most half of the slots, and a tenth is reserved for the scope admin. So
// a slow caller holds a connection that others do not need, and one that reads its
// answer slowly holds a slot for as long as an answer may take. The refusal is 503, or
// 429 over the caller's own rate or share.
//
// # Rights
//
// A request that waits for long ([Hold]) ends with the right of its caller: at a reload
// that removes its token, or the scope or address that it needs. [Failures] slows down
// the guessing of passwords.
package httpapi
