// Package roster brings the rosters on an XMPP server (RFC 6121 section 2) to
// what a web application wants, and reports the result for each user.
//
// A [Syncer] handles the rosters of one host. A refresh of one owner asks the
// [Source] for the wanted roster, reads the server's roster through a [Backend],
// computes the difference ([Diff]), makes the changes, reads the roster again, and
// compares. A [Cache] keeps what is known.
//
//	syncer := roster.NewSyncer(roster.Options{
//		Domain: "example.com",
//		Source: &roster.HTTPSource{URL: "https://app.example.com/contacts/%s", Client: client, Timeout: 10 * time.Second},
//		Backends: backends, Cache: cache, Mode: roster.Authoritative, Concurrency: 16, Log: log,
//	})
//	outcome, err := syncer.Refresh(ctx, jid.MustParse("john@example.com"), false)
//
// An owner has one refresh at a time. [Rosters] holds the syncers of several
// hosts, and runs jobs over many owners.
//
// # Who wins
//
// The web application wins at each refresh: a contact that a user renamed, moved
// or removed is restored. A contact that a user added is removed in mode
// authoritative, unless Options.Keep matches it, and stays in mode additive. In
// mode additive, a contact that was in the roster before the source named it
// stays when the source drops it.
//
// # Backends
//
// Servers differ: some ignore subscriptions, some fail at every set. [Backends]
// switches to another backend where there is one, by what the first refresh
// showed. Otherwise the result is degraded or forbidden, and its detail says
// what differs.
//
// # A refresh, file by file
//
// syncer.go starts one refresh per owner at a time; refresh.go asks the source
// (source.go, decode.go), asks choose.go for the backend, computes the changes
// (diff.go) and applies them; outcome.go compares the roster afterwards;
// record.go stores what is known. logins.go, interval.go and jobs.go are what
// starts refreshes.
package roster
