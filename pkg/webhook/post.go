package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/stanza"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// errLongAnswer means that an endpoint answered more than maxAnswer bytes.
var errLongAnswer = errors.New("the answer is longer than 1 MiB")

// newClient returns an HTTP client for one endpoint: connections are kept for
// as many attempts as may be in flight, redirects are not followed, and no
// proxy is taken from the environment.
func newClient(e *Endpoint) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost:   e.Concurrency,
			MaxConnsPerHost:       0,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true,
			ExpectContinueTimeout: time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post makes one request (Standard Webhooks: webhook-id is constant,
// webhook-timestamp is the attempt's).
func post(ctx context.Context, c *http.Client, e *Endpoint, ev *Event, contentType string, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target(e.URL, ev.Stanza), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	for name, values := range e.Headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", e.UserAgent)
	req.Header.Set("Webhook-Id", ev.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(data) > maxAnswer {
		return nil, errLongAnswer
	}
	a := &Answer{Status: resp.StatusCode, Body: data, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if a.MediaType, _, err = mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil {
		before, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		a.MediaType = strings.ToLower(strings.TrimSpace(before))
	}
	return a, nil
}

// target fills in the placeholders of a URL, escaped, so that an address
// cannot reach out of its place.
func target(template string, s *stanza.Stanza) string {
	if !strings.Contains(template, "{") {
		return template
	}
	escape := func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }
	kind, typ, _ := strings.Cut(eventType(s), ".")
	return strings.NewReplacer("{kind}", kind, "{type}", escape(typ), "{to}", escape(s.To.String()), "{from}", escape(s.From.String())).Replace(template)
}

// retryAfter reads the header of RFC 9110 section 10.2.3, in seconds or as a date.
func retryAfter(v string) time.Duration {
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return time.Duration(max(0, min(s, 365*24*3600)) * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}
