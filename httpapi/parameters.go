package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Parameters returns the query parameters of a request. It refuses unknown and repeated
// ones by name.
func Parameters(r *http.Request, known ...string) (url.Values, *Fault) {
	no := func(format string, args ...any) (url.Values, *Fault) {
		return nil, &Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return no("the query cannot be read: %s", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return no("%s: there are no query parameters here", name)
		case !slices.Contains(known, name):
			return no("%s: this query parameter is not known here; there are %s", name, strings.Join(known, ", "))
		case len(values[name]) > 1:
			return no("%s: it is there %d times", name, len(values[name]))
		}
	}
	return values, nil
}

// Flag reads a query parameter that ?name=1 sets.
func Flag(values url.Values, name string) (bool, *Fault) {
	switch text := values.Get(name); {
	case text == "1" || text == "true":
		return true, nil
	case text == "0" || text == "false" || !values.Has(name):
		return false, nil
	default:
		return false, &Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf("%s: %q is neither 1 nor 0", name, text)}
	}
}
