// Package rosteradmin is the HTTP API of Prosody's mod_http_roster_admin: a web
// application, which knows the contacts of its users, reports that they have changed.
// stanzahook then asks the application for their rosters and gives the XMPP server the
// differences: see [stanzahook/pkg/roster]. The OpenAPI document describes the API (see
// package openapi), and deploy/guide/migrate/mod_http_roster_admin.md lists the
// differences from the module.
//
//	POST /roster_admin/refresh          a JSON array of users
//	GET  /roster_admin/refresh/USER     one user
//
// A user is a name at the only configured host or at ?host=HOST, or an address, whose
// resource is ignored. Duplicates count once. Every answer is JSON, also a refusal:
//
//	{"status": "ok", "message": "roster update complete", "updated": 2, "errors": 0}
//
// updated counts the rosters that the server has as wanted, as far as it can; errors
// counts the others, which are in failed. If a roster failed or was updated only in part
// the message says which and why. status is "error" if nothing succeeded. If nothing was
// tried, as without a connection, errors counts all users and there is no failed.
//
// A refresh goes on if the caller goes.
package rosteradmin
