// Package account logs in as users of an XMPP server, over the port that their
// own programs use (RFC 6120): to see whether a password is right, and to send
// messages as them where no component may.
//
//	d := account.Dialer{Server: "127.0.0.1:5222", Mode: account.StartTLS}
//	err := d.Verify(ctx, jid.MustParse("juliet@example.com"), password)
//	switch {
//	case errors.Is(err, account.ErrPassword):    // not hers
//	case errors.Is(err, account.ErrUnreachable): // nobody knows
//	}
//
// # Login
//
// Of what the server offers the best is taken: SCRAM-SHA-256 (RFC 7677),
// SCRAM-SHA-1 (RFC 5802), and PLAIN (RFC 4616) over TLS only, or over loopback where
// Dialer.AllowPlain says so: anybody may listen on a port whose server is away. With
// SCRAM the server must prove that it knows the password too. Without TLS a
// connection to anything but loopback is refused before a byte is sent.
//
// # Sending
//
// A [Session] never sends presence, so the server hands it nothing that is
// meant for the user's other programs. Send returns when the server has the
// message: it asks for an acknowledgement (XEP-0198) where the server offers
// that, else it pings the server (XEP-0199) behind the message, since a server
// handles the stanzas of one stream in order (RFC 6120 section 10.1).
//
// What is written to the full address of a session is refused with
// service-unavailable, so that whoever answers a message there hears that
// nobody reads it.
//
// A [Pool] keeps sessions open between messages.
package account
