// Package hooks tests the addresses for other tools on Prosody and on ejabberd: what tools
// post arrives at a user and in a room, read by a client that owes nothing to the code under
// test (slixmpp).
package hooks
