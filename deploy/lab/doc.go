// Package lab starts a private XMPP server, Prosody or ejabberd, on the loopback
// interface: for the demo, for integration tests, and for trying things out.
//
// Nothing here is fit for production: passwords travel in the clear, there is no
// TLS and no server-to-server traffic. In return it needs no configuration, no
// service user and no root, and any number of servers can run side by side: each
// has its own directory and its own free ports, and answers on 127.0.0.1 only.
//
//	srv, err := lab.Start(ctx, lab.Options{
//		Kind:       lab.Prosody,
//		Users:      map[string]string{"alice": "secret"},
//		Components: []lab.Component{{Domain: "bot.localhost", Secret: "s3cret"}},
//	})
//	if err != nil { … }
//	defer srv.Close()
//
// The servers themselves come from the distribution; "deploy/lab/install.sh
// prosody" (or ejabberd) installs them. [Start] says so if one is missing.
//
// A server can have rosters that others keep: components with a right to them
// (XEP-0356), changed by [Server.SetComponents], and ejabberd's HTTP API
// ([Server.APIURL]).
//
// [Server.Login] gives a small client, which speaks to the server as a user's
// own program would.
package lab
