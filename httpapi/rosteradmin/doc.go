// Package rosteradmin is the HTTP surface of Prosody's mod_http_roster_admin: a
// web application, which knows who is whose contact, says that this has changed.
//
//	curl http://127.0.0.1:5290/roster_admin/refresh -H "Authorization: Bearer TOKEN" \
//	     -d '["john", "aaron"]'
//
// Then the application is asked for the rosters of these users, and the XMPP
// server is given what is new in them: see [stanzahook/pkg/roster].
//
// Paths:
//
//	POST /roster_admin/refresh          a JSON array of users
//	GET  /roster_admin/refresh/USER     one user
//
// A user is a name at the one host that is configured, or at ?host=HOST, or an
// address, whose resource does not count. Who is there twice counts once.
// Parameters:
//
//	?host=HOST   of names without one
//	?force=1     also where that takes away more than 10 contacts and more than
//	             half of a roster
//	?async=1     do not wait: 202 with a job, which is at Location, /v1/jobs/ID
//
// Every answer is JSON, also those to refused requests:
//
//	{"status": "ok", "message": "roster update complete", "updated": 2, "errors": 0}
//
// updated counts the rosters that the server has as they are wanted, so far as
// it can; errors counts the others, and "failed" has them:
// [{"user","result","detail"}], the user as he was written. The message is as
// above, unless a roster failed or was updated only in part: then it says which
// and why. status is "error" if there was something to do and nothing succeeded.
//
// Statuses:
//
//	200  done, also where some or all users failed
//	202  begun, with async
//	400  the body is no JSON array of strings, a user is none of a configured
//	     host, or a parameter is not known; nothing was done
//	401  no credentials
//	403  credentials that are not accepted, or without the scope roster
//	404  no rosters are configured, or there is nothing at this path
//	405  another method
//	413  the body is too large (http.max_body_bytes)
//	415  the body has a Content-Encoding
//	429  too many requests (http.rate_limit)
//	503  there is no connection to the XMPP server, too much is under way, or
//	     stanzahook is stopping: with Retry-After
//	507  the store is full, and has no place for the job of async
//
// Where nothing was tried at all, as without a connection, errors counts all
// users and there is no "failed".
//
// A refresh goes on when the caller goes. For many users async is better: some
// proxies do not wait for long.
//
// # Differences from mod_http_roster_admin
//
//   - A token with the scope roster is needed; there everybody may ask.
//   - What that leaves without an answer is answered: [], {}, a string, a web
//     application that is not there or answers what is no JSON, groups as an
//     array. A body that is no JSON, null, or no body is 400; there it is 500.
//   - status and message tell the truth; there the status of many users is always
//     "ok", and the message always the same. "failed" is new. GET counts too.
//   - Users who are not online are refreshed too; there they count as updated,
//     and nothing is done.
//   - Users whom the server does not know are failures, where the server tells.
//   - Names and groups that have changed are applied; there they wait until the
//     user logs in anew.
//   - The name in the URL of the application is URL-encoded, as the module's
//     documentation says; the module does not do it.
//   - groups may be a list of names, and what an application says of a
//     subscription is honoured; there it is always both.
//   - A roster that suddenly lacks most of its contacts is not believed without
//     force.
//   - What users change in their rosters is put right at the next refresh or
//     login; there they cannot change anything.
//   - Addresses are taken as well as names, for several hosts.
//   - GET /roster_admin/refresh without a user is 405; there it is redirected.
package rosteradmin
