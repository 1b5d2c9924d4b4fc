// Package roster makes the rosters on an XMPP server (RFC 6121 section 2) what a
// web application wants them to be, and says truthfully what came of it.
//
// For each host whose users' rosters are kept there is a [Host]. A refresh of
// one owner asks the [Source] for the wanted roster, reads the server's by a
// [Backend], works out the difference ([Diff]), sets one contact after the
// other, reads again, and compares. What is known is kept in a [Cache].
//
//	host := roster.NewHost(roster.Options{
//		Domain: "example.com",
//		Source: &roster.HTTPSource{URL: "https://app.example.com/contacts/%s", Client: client, Timeout: 10 * time.Second},
//		Backends: backends, Cache: cache, Mode: roster.Authoritative, Concurrency: 16, Log: log,
//	})
//	outcome, err := host.Refresh(ctx, jid.MustParse("john@example.com"), false)
//
// An owner has one refresh at a time. [Rosters] are several hosts, with jobs
// over many owners.
//
// # Who wins
//
// The web application, at each refresh: a contact whom a user has renamed, moved
// or removed is put right. A contact whom a user has added is removed in mode
// authoritative, unless it is one to keep, and stays in mode additive. In that
// mode a contact who was in the roster before the source named it stays when the
// source has it no more.
//
// # Backends
//
// Servers do not all do what they are asked for: some ignore subscriptions, some
// fail at every set. [Backends] choose another way where there is one, by what a
// first try has shown; else the result is degraded or forbidden, and says what
// is not as it should be.
package roster
