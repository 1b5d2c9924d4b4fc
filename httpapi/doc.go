// Package httpapi is the HTTP server: routing, authentication, limits, health.
//
// What is served comes from outside as Mounts (package rest is one): a set of
// routes under one prefix, and the way errors are written there, because
// programs that come from other software expect that software's errors. The
// server does what is the same everywhere:
//
//	request id -> access log -> recover -> base path              every request
//	-> authentication -> rate limit -> size and arrival of the body
//	-> a slot -> handler                                          requests of a Mount
//
// Without authentication there are /healthz and /readyz, nothing else.
//
// # Time
//
// There is no global write timeout, because answers to IQs and event streams may
// take minutes. Instead each step is bounded: the header, the arrival of the
// body, the writing of the answer once it has begun, and the idle connection.
// How long a handler waits is its own contract with the caller.
//
// # Load
//
// Connections are bounded by the files that the process may open, and half of them
// may come from one address. Over the bound the one goes that has been without a request for the longest, which is where
// slow and idle clients are. A body is read before its request takes one of the
// slots, and takes memory as it comes, of which there is a bound for all bodies
// together. Of the slots one caller has half at most, and a tenth is kept for the
// scope admin. So a caller who is slow holds a connection, and nothing that others
// need; one who reads his answer slowly holds a slot, for as long as an answer
// may take. Whoever comes in vain is told 503, or 429 over his own rate or share.
//
// # Rights
//
// A request that waits for long ([Hold]) ends when the right of its caller does: at
// a reload that takes away his token, or the scope or the address that it waits by.
//
// Who guesses passwords with Basic is slowed down ([Failures]).
package httpapi
