package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// errLongAnswer means that an endpoint answered more than maxAnswer bytes.
var errLongAnswer = errors.New("the answer is longer than 1 MiB")

// requests makes the requests of an endpoint.
type requests struct {
	e      *Endpoint
	client *http.Client
	plain  *plain   // for http without a proxy; else nil
	url    *url.URL // of all requests; nil: it has placeholders
	signer *signature.Signer
}

func newRequests(e *Endpoint) *requests {
	guard := e.Guard
	if guard == nil {
		guard = outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	}
	r := &requests{e: e, client: outbound.NewClient(guard, outbound.ClientOptions{Proxy: e.Proxy, IdleConns: e.Concurrency}), signer: signature.NewSigner(e.Secrets)}
	u, err := url.Parse(target(e.URL, &stanza.Stanza{}))
	if err != nil {
		return r // each request will say so
	}
	if !strings.Contains(e.URL, "{") {
		r.url = u
	}
	if u.Scheme == "http" && e.Proxy == nil {
		r.plain = newPlain(e, guard, u, r.url)
	}
	return r
}

// close breaks off what is under way.
func (r *requests) close() {
	r.client.CloseIdleConnections()
	if r.plain != nil {
		r.plain.abort()
	}
}

// post makes one request (Standard Webhooks 1.0.0: webhook-id is constant over
// the attempts, webhook-timestamp is the attempt's, and the signature covers
// both and the body).
func (r *requests) post(ctx context.Context, f *format, ev *Event, body []byte) (*Answer, error) {
	u := r.url
	if u == nil {
		filled := target(r.e.URL, ev.Stanza)
		if err := checkURL(filled); err != nil {
			return nil, err
		}
		var err error
		if u, err = url.Parse(filled); err != nil {
			return nil, &unsendable{"the URL with the addresses filled in cannot be read"}
		}
	}
	now := time.Now()
	fields := func(add func(name, value string)) {
		f.header(add, ev)
		add("Webhook-Id", ev.ID)
		add("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
		if len(r.e.Secrets) > 0 {
			add("Webhook-Signature", r.signer.Sign(ev.ID, now, body))
		}
	}
	if r.plain != nil {
		return r.plain.post(u, fields, body)
	}
	h := make(http.Header, len(r.e.Headers)+8)
	maps.Copy(h, r.e.Headers)
	h["User-Agent"] = []string{r.e.UserAgent}
	fields(func(name, value string) { h[name] = []string{value} })
	return r.full(ctx, u, h, body)
}

// full makes a request with all that HTTP has: TLS, HTTP/2, a proxy.
func (r *requests) full(ctx context.Context, u *url.URL, h http.Header, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.e.Timeout)
	defer cancel()
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		// A connection that was idle may be gone; the id tells the bot if it got both.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	resp, err := r.client.Do(req)
	if err != nil {
		var outer *url.Error // its text repeats method and URL, and the URL may be long
		if errors.As(err, &outer) {
			err = outer.Err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", r.e.Timeout)
		}
		return nil, err
	}
	defer resp.Body.Close()
	data, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: resp.StatusCode, Body: data, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	a.Type = resp.Header.Get("Content-Type")
	a.MediaType = mediaType(a.Type)
	return a, nil
}

func readAnswer(resp *http.Response) ([]byte, error) {
	if resp.ContentLength == 0 {
		return nil, nil
	}
	if resp.ContentLength > maxAnswer {
		return nil, errLongAnswer
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(data) > maxAnswer {
		return nil, errLongAnswer
	}
	return data, nil
}

// mediaType is the type of a Content-Type, without its parameters.
func mediaType(v string) string {
	before, _, _ := strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(before))
}

// target fills in the placeholders of a URL, escaped, so that an address
// cannot reach out of its place.
func target(template string, s *stanza.Stanza) string {
	if !strings.Contains(template, "{") {
		return template
	}
	escape := func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }
	return strings.NewReplacer("{kind}", s.Kind.String(), "{type}", s.EffectiveType(), "{to}", escape(s.To.String()), "{from}", escape(s.From.String())).Replace(template)
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
