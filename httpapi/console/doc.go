// Package console serves the console, a page for a browser, at /console/. The page is
// only a client of /v1: whatever it can do, a script can. Its files are in files; those
// of others are in files/vendored, and vendored.json has their origin.
//
// Nothing here is secret or needs a token: who opens the page types a token, which the
// page keeps in the tab and sends with each request to /v1. There is no cookie, so no
// other site can make a browser act with it.
//
// All files but the page itself are under a path that has their hash, so a browser keeps
// them until they change. The page has only relative links, and works under any base
// path.
package console
