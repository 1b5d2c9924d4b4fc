package outbound

import "strings"

// PublicURL returns a URL of the configuration as it may be shown:
// without user and password, and without the values of its query, which may be
// secrets, but for those that are replaced for each event.
func PublicURL(u string) string {
	if scheme, rest, ok := strings.Cut(u, "://"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u = scheme + "://" + rest[strings.LastIndexByte(rest[:end], '@')+1:]
	}
	path, query, ok := strings.Cut(u, "?")
	if !ok {
		return u
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			pairs[i] = "***"
		case !strings.HasPrefix(value, "{"):
			pairs[i] = name + "=***"
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}
