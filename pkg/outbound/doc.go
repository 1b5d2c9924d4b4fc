// Package outbound guards the HTTP requests that go out to addresses from a
// configuration, against server-side request forgery (CWE-918).
//
// A [Guard] says which addresses may be reached. Public ones may. Loopback,
// private and other special networks (the registries of RFC 6890) may only if
// the operator lists them. Link-local addresses and those where clouds serve
// their metadata and credentials never may, listed or not. An IPv6 address that
// carries an IPv4 address (mapped, NAT64, 6to4) is judged by what it carries; one
// of a tunnel (Teredo, ISATAP) has to be listed itself.
//
// # Where it is checked
//
// [NewClient] returns a client that checks each address when it is about to be
// connected to, after name resolution: a name that resolves to something else
// than a moment ago (DNS rebinding) gains nothing. Redirects are not followed,
// and the environment's proxy is not used.
//
// [Guard.CheckURL] gives the same verdict ahead of time, and [Guard.CheckHost]
// as much of it as needs no DNS, for a configuration.
//
// # Sockets
//
// A socket of the machine (unix:/run/bot.sock:/hook) is not the guard's business,
// and no entry in the list is needed or would help: there is no name that could
// resolve to something else, nothing that others send gets into its path
// ([ParseAddress] takes no placeholder there), and who may connect is what the
// file's permissions say. So only the configuration decides, for a check as for a
// request. A proxy is not asked either.
//
// # Behind a proxy
//
// With [ClientOptions.Proxy] the guard applies to the proxy's own address when
// it is connected to, and to each request's host before the request is handed
// over: a literal address is checked, and a name is refused if any of the
// addresses that it resolves to here is. What is not protected: the proxy
// resolves the name again, perhaps to something else, and a name that cannot be
// resolved here is handed over unseen. Such a proxy has to guard for itself.
package outbound
