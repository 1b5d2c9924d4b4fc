// Package account logs in as users of an XMPP server, over the port for clients
// (RFC 6120): to verify passwords, and to send messages as users where a
// component may not.
//
//	d := account.Dialer{Server: "127.0.0.1:5222", Mode: account.StartTLS}
//	err := d.Verify(ctx, jid.MustParse("juliet@example.com"), password)
//	switch {
//	case errors.Is(err, account.ErrPassword):    // wrong password
//	case errors.Is(err, account.ErrUnreachable): // not verified
//	}
//
// # Login
//
// The package uses the best mechanism that the server offers: SCRAM-SHA-256 (RFC
// 7677), SCRAM-SHA-1 (RFC 5802), or PLAIN (RFC 4616). PLAIN needs TLS, or loopback
// and Dialer.AllowPlain, since any program may listen on a port while the server is
// down. With SCRAM the server must prove that it knows the password too. Without
// TLS, a connection to anything but loopback is refused before a byte is sent.
//
// # Sending
//
// A [Session] never sends presence, so the server routes nothing to it that is
// meant for the user's other clients. Send returns when the server has the
// message: it requests an acknowledgement (XEP-0198) where the server offers
// them, else it pings the server (XEP-0199) after the message, since a server
// handles the stanzas of one stream in order (RFC 6120 section 10.1).
//
// Stanzas to the full address of a session are refused with service-unavailable,
// so that a user who answers there learns that nobody reads it.
//
// A [Pool] keeps sessions open between messages.
//
// # Where to look
//
// dialer.go is the login, with stream.go (stream, STARTTLS) and login.go (SASL);
// begin.go binds a resource; session.go sends, incoming.go reads; pool.go keeps
// sessions; error.go has the errors.
package account
