// Package ejabberdapi is the [roster.Backend] for ejabberd's HTTP API. It sets
// subscriptions, which ejabberd's XEP-0356 does not, and works where XEP-0356 fails
// (23.01).
//
//	backend := &ejabberdapi.Backend{
//		URL: "http://127.0.0.1:5280/api", User: "admin@example.com", Password: password,
//		Client: client, UserAgent: "stanzahook/1.0", Timeout: 10 * time.Second,
//	}
//
// # What ejabberd needs
//
// The modules mod_http_api and mod_admin_extra, a listener for the first, and a
// permission for the commands in [Commands]:
//
//	listen:
//	  - port: 5280
//	    ip: 127.0.0.1
//	    module: ejabberd_http
//	    request_handlers: {/api: mod_http_api}
//	acl:
//	  rosters: {user: [admin@example.com]}
//	api_permissions:
//	  rosters:
//	    from: [mod_http_api]
//	    who: [acl: rosters]
//	    what: [check_account, get_roster, add_rosteritem, delete_rosteritem]
//
// # Observed behaviour
//
//	                                  23.01                       24.12
//	add_rosteritem, groups            group, "A;B" is two         groups, a list, since version 1 of
//	                                                              the command (source: 24.02)
//	  version 0 of it                 the only one                group; "A;B" is one, "" is one
//	add_rosteritem/v1                 400 "Missing command name." as version 1
//	the other kind of groups          400 "Request have missing argument: group" (given groups),
//	                                  400 "Request have unknown arguments: [group]"
//	add_rosteritem, unknown owner     200 0, and a roster without a user, on both
//	  owner's host not served         500 "internal_error" on both
//	  contact is a domain             user "": works on both
//	  contact is the owner            200 0 on both
//	get_roster, groups                a line for each group       groups, a list
//	  unknown owner or host           200 [] on both
//	delete_rosteritem, no contact     200 0, and a push to the clients, on both
//	check_account                     200, 0 or 1, on both; 1 also for a host not served
//	wrong password, unknown user      401, code 10, on both
//	no permission, or no password     403, code 32, on both
//	command not known                 404 "Endpoint not found." on both
//
// So the backend first calls add_rosteritem/v1 with groups, and version 0 with group
// if the server does not know that. Version 0 cannot set a group with a semicolon,
// which is refused. To create no rosters of unknown users, the backend looks up the
// owner before the first change of a refresh.
package ejabberdapi
