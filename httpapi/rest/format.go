package rest

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The formats of stanzas, by their media types.
const (
	formatXML  = "application/xmpp+xml"
	formatJSON = "application/json"
	formatForm = "application/x-www-form-urlencoded"
	formatText = "text/plain"
)

// requestFormat returns the format of the body of a request, or "" if it is unknown. Of
// the parameters only the charset counts, in document.Decode.
func requestFormat(h http.Header) string {
	name, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case formatXML, formatJSON, formatForm, formatText:
		return name
	}
	return ""
}

// preference is how much the caller prefers a format. Of two with the same q a named one
// wins over one that a wildcard covers, then the one named first.
type preference struct {
	q        float64
	specific int // 0: */*, 1: application/*, 2: by name
	position int
}

func (p preference) over(o preference) bool {
	if p.q != o.q {
		return p.q > o.q
	}
	if p.specific != o.specific {
		return p.specific > o.specific
	}
	return p.specific == 2 && p.position < o.position
}

// answerFormat negotiates the format of the answer (RFC 9110 section 12.5.1). Without a
// preference, or if none of those offered is acceptable, it is the format of the request,
// else the first, which is XML, as in mod_rest. There is no 406, which would hide the
// answer of an IQ.
func answerFormat(h http.Header, offered ...string) string {
	best := offered[0]
	if own := requestFormat(h); slices.Contains(offered, own) {
		best = own
	}
	wanted := accepted(h, offered)
	for _, other := range offered {
		if wanted[other].q > 0 && wanted[other].over(wanted[best]) {
			best = other
		}
	}
	return best
}

// accepted parses the Accept header. The most specific range that covers a format
// decides; invalid ranges are ignored.
func accepted(h http.Header, offered []string) map[string]preference {
	ranges := map[string]preference{}
	for i, text := range strings.Split(strings.Join(h.Values("Accept"), ","), ",") {
		name, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		p := preference{q: 1, position: i}
		if q, ok := params["q"]; ok {
			if p.q, err = strconv.ParseFloat(q, 64); err != nil || !(p.q >= 0 && p.q <= 1) {
				continue
			}
		}
		if _, ok := ranges[name]; !ok {
			ranges[name] = p
		}
	}
	out := map[string]preference{}
	for _, format := range offered {
		for specific, name := range []string{"*/*", "application/*", format} {
			if p, ok := ranges[name]; ok {
				p.specific = specific
				out[format] = p
			}
		}
	}
	return out
}
