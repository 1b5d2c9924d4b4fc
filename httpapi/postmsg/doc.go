// Package postmsg is the HTTP API of Prosody's mod_post_msg: a message by one line of
// curl. The OpenAPI document describes it (see package openapi), testdata/conformance
// specifies it by examples, and deploy/guide/migrate/mod_post_msg.md lists the
// differences from mod_post_msg.
//
//	curl http://127.0.0.1:5290/msg/user -u me@example.com:mypassword \
//	     -H "Content-Type: text/plain" -d "the disk is full"
//
// An error is one line of plain text, or a problem (RFC 9457) for callers whose Accept
// prefers JSON.
//
// # Sender
//
// With a token, the sender is an address of that token. With Basic authentication and an
// XMPP account, user@host:password, it is that account: the XMPP server checks the
// password (package account). The message leaves from the account's bare address if the
// server lets one of our components do so (XEP-0356), else over a session of the
// account's own, from its full address. If the server refuses the former, the message
// takes the latter.
//
// A right password is remembered for a minute, as a hash with a salt that no other
// process has. After five wrong ones in a minute for one account from one address (of
// IPv6: its /64), no more are tried from there for the rest of the minute; nor after
// fifty for one account, or from one address, unless the account has logged in from that
// address in the last 24 hours: nobody can lock an account out for those who use it. The
// answer to a wrong password takes half a second, or a multiple, so that its time does
// not tell whether the account exists.
//
// At most 32 logins are in progress and 64 more wait, a quarter of both from one
// address. A login does not take one of the slots of requests.
package postmsg
