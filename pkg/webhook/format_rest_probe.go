package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Negotiate asks an endpoint in one of mod_rest's formats which of them it wants, and
// uses that from now on. The error means that there was no answer.
func (c *Client) Negotiate(ctx context.Context) (Format, error) {
	f, err := c.probe(ctx)
	if err == nil && f != c.e.Format {
		c.format.Store(formatOf(f))
	}
	return f, err
}

// probe asks as mod_rest does when it starts: OPTIONS, with the kind "meta" and the
// type "info" in the URL. An Accept header in an answer of 200 (RFC 9110
// section 12.5.1) decides; every other answer leaves the configured format.
func (c *Client) probe(ctx context.Context) (Format, error) {
	e := c.e
	if e.Format != FormatRestJSON && e.Format != FormatRestXML {
		return e.Format, nil
	}
	u, err := c.address.URL(func(placeholder string) string {
		switch placeholder {
		case "{kind}":
			return "meta"
		case "{type}":
			return "info"
		}
		return e.Component
	})
	if err != nil {
		return e.Format, fmt.Errorf("build the probe: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	req := (&http.Request{Method: http.MethodOptions, URL: u, Host: u.Host, Header: make(http.Header)}).WithContext(ctx)
	for name, values := range e.Headers {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", e.UserAgent)
	resp, err := c.client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the URL, which may have a key in it
		}
		return e.Format, fmt.Errorf("probe the endpoint: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is reused
	if resp.StatusCode != http.StatusOK {
		return e.Format, nil
	}
	return wanted(resp.Header.Values("Accept"), e.Format), nil
}

// wanted returns the format that an Accept header prefers: the highest q-value
// (RFC 9110 section 12.4.2), of equal ones the first. Wildcards do not count.
func wanted(accept []string, configured Format) Format {
	best := 0.0
	for text := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		q := 1.0
		if v, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(v, 64); err != nil || !(q <= 1) {
				continue
			}
		}
		switch {
		case q <= best:
		case name == mediaXMPP:
			best, configured = q, FormatRestXML
		case name == mediaJSON:
			best, configured = q, FormatRestJSON
		}
	}
	return configured
}
