// Package postmsg is the HTTP surface of Prosody's mod_post_msg: a message by
// one line of curl.
//
//	curl http://127.0.0.1:5290/msg/user -u me@example.com:mypassword \
//	     -H "Content-Type: text/plain" -d "the disk is full"
//
// Paths:
//
//	POST /msg, /msg/             the body says whom to
//	POST /msg/RECIPIENT[@HOST]   RECIPIENT alone is at the sender's host
//	OPTIONS /msg, /msg/…         Allow and Accept
//
// Bodies, by Content-Type, whose charset may be ISO-8859-1 or Windows-1252 (else
// UTF-8); a character that XML cannot carry is refused with 400:
//
//	text/plain                         the text, as it stands
//	application/x-www-form-urlencoded  to, type, body, html
//	application/json                   an object of strings: to, type, body, html
//
// to wins over the path. type is chat unless it says normal, headline or
// groupchat. html is XHTML: a <body/>, or what belongs into one (XEP-0071).
// Other fields do not count.
//
// Answers:
//
//	201  taken; no body. The XMPP server has it, or it is on our disk.
//	400  the body, the type or the html is not what it should be, or there is no
//	     text: body and html are missing or blank
//	401  no credentials, or a wrong password
//	403  credentials that cannot be right here, a disabled account, no scope
//	413  the body is too large
//	415  another Content-Type
//	422  no recipient, or one that is no address; too large for the XMPP server;
//	     sent with a token, and came back before the XMPP server had confirmed it:
//	     with the condition and the text of the error
//	429  too many failed logins for this account from this address; too many
//	     requests of this caller under way
//	503  the XMPP server is unavailable, or has not confirmed in time
//	507  the outbox is full
//
// 429, 503 and 507 carry Retry-After. An error is one line of plain text, or a
// problem (RFC 9457) for those whose Accept prefers JSON.
//
// # Who sends
//
// With Basic authentication and an XMPP account, user@host:password, it is that
// account. The password is tried out at the XMPP server (package account). The
// message leaves from the account's bare address where the server lets a
// component of ours do so (XEP-0356), else by a session of the account's own,
// which servers stamp with its full address. Where the server refuses the one
// way, the other is gone.
//
// With a token it is an address of that token, as elsewhere.
//
// A password that was right is remembered for a minute, as a hash with a salt
// that no other process has. After five wrong ones in a minute for one account from
// one address (of IPv6: its /64), no more are tried from there for what is left of the
// minute; nor after fifty for one account, or from one address, unless the account
// has logged in from that address in the last 24 hours: nobody can lock an account
// out for those who use it. An answer to a wrong password takes half a second, or a
// multiple, so its time does not tell whether the account exists.
//
// 32 logins are under way at once, 64 more wait, a quarter of both from one address;
// over that it is 503. A login holds none of the places of other requests.
//
// # Differences from mod_post_msg
//
//   - 201 means that the server has the message, not only that it was handed on.
//     With a token, a message that came back meanwhile is 422.
//   - POST /msg is answered; there it is redirected, and curl then makes a GET
//     of it.
//   - A recipient without a host is at the sender's host, also in to; there it
//     is taken for a domain. A domain alone cannot be written.
//   - to in a form or in JSON is checked, as the path is. So is type.
//   - text/plain; charset=utf-8 is text/plain; there it is 415.
//   - A body that is no string, or JSON that is no object, is 400; there it is
//     500, or sends a message without a body.
//   - A message without a text is 400; there it is sent empty.
//   - JSON knows html too.
//   - html may be what belongs into a <body/>; and it is put into one.
//   - Messages have an id.
//   - A user name that is no JID, and a host that is not served, are 403; there
//     they are 500. The scheme must be Basic or Bearer.
//   - Failed logins are limited.
//   - Over a session of the account's own the message comes from the full
//     address. Bounces, and what is answered to that address, do not reach the
//     user's other programs; answers are refused with service-unavailable.
//   - OPTIONS lists JSON. It needs credentials, as everything here.
//   - An unknown method is 405; there it is 404.
package postmsg
