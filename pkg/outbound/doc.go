// Package outbound protects HTTP requests to configured addresses against
// server-side request forgery (CWE-918).
//
// A [Guard] decides which addresses may be reached. Public addresses may. Loopback,
// private and other special networks (the registries of RFC 6890) may only if the
// operator lists them. Link-local addresses, and addresses where clouds serve
// metadata and credentials, never may, listed or not. An IPv6 address with an
// embedded IPv4 address (mapped, NAT64, 6to4) is judged by the IPv4 address; an
// address of a tunnel (Teredo, ISATAP) must be listed itself.
//
// # When addresses are checked
//
// [NewClient] returns a client that checks each address after name resolution, just
// before it connects. So a name that resolves to another address than before (DNS
// rebinding) gains nothing. The client follows no redirects and ignores the proxy of
// the environment.
//
// [Guard.CheckHost] does the part of the check that needs no DNS, for a configuration.
//
// # Unix sockets
//
// The guard does not check Unix sockets (unix:/run/bot.sock:/hook), and they need no
// entry in the list: no name is resolved, no data of others gets into the path
// ([ParseAddress] allows no placeholder there), and the permissions of the file
// decide who may connect. A proxy is not used for them.
//
// # Behind a proxy
//
// With [ClientOptions.Proxy] the guard checks the proxy's own address when the client
// connects to it, and the host of each request before the request is sent: a literal
// address as it is, a name by all addresses that it resolves to here. This does not
// protect against everything: the proxy resolves the name again, perhaps to another
// address, and a name that cannot be resolved here is passed on unchecked. Such a
// proxy must protect itself.
//
// # Where to look
//
// guard.go decides, with networks.go (the lists) and carried.go (embedded addresses);
// check.go checks in advance; client.go is the client, with decode.go and probe.go;
// address.go and address_parse.go are configured addresses; https.go and reach.go
// explain connection errors.
package outbound
