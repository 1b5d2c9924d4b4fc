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
	"os"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
)

// maxAnswer bounds what is read of an answer, in bytes, after decoding.
const maxAnswer = 1 << 20

// errLongAnswer means that an endpoint answered more than maxAnswer bytes.
var errLongAnswer = errors.New("the answer is longer than 1 MiB")

// requests makes the requests of an endpoint.
type requests struct {
	e       *Endpoint
	address *outbound.Address
	invalid error // why there is no address; each request says so
	client  *http.Client
	plain   *plain // for http and sockets without a proxy; else nil
	signer  *signature.Signer
}

func newRequests(e *Endpoint) *requests {
	guard := e.Guard
	if guard == nil {
		guard = outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	}
	r := &requests{e: e, signer: signature.NewSigner(e.Secrets)}
	o := outbound.ClientOptions{Proxy: e.Proxy, IdleConns: e.Concurrency, TLS: e.TLS}
	if r.address, r.invalid = outbound.ParseAddress(e.URL, Placeholders()...); r.invalid == nil {
		o.Socket = r.address.Socket()
		if o.Socket != "" || r.address.Scheme() == "http" && e.Proxy == nil {
			r.plain = newPlain(e, guard, r.address)
		}
	}
	r.client = outbound.NewClient(guard, o)
	return r
}

// Placeholders are the texts in an endpoint's URL that values of the stanza
// stand for.
func Placeholders() []string { return []string{"{kind}", "{type}", "{to}", "{from}"} }

// value returns the value of a placeholder.
func (ev *Event) value(placeholder string) string {
	switch placeholder {
	case "{to}":
		return ev.Stanza.To.String()
	case "{from}":
		return ev.Stanza.From.String()
	}
	if placeholder == "{kind}" {
		return ev.Stanza.Kind.String()
	}
	return ev.Stanza.EffectiveType()
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
	if r.invalid != nil {
		return nil, fmt.Errorf("build the request: the URL %w", r.invalid)
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
		return r.plain.post(ev.value, fields, body)
	}
	u, err := r.address.URL(ev.value)
	if err != nil {
		return nil, sendable(0, err)
	}
	if err := sendable(len(u.String()), nil); err != nil {
		return nil, err
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
	// As for a connection that was gone, and the first byte says so (plain.post).
	h["Idempotency-Key"] = nil // which is not sent
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, failure(err, r.e.Timeout)
	}
	defer resp.Body.Close()
	a, err := readAnswer(resp)
	if err != nil {
		return nil, failure(err, r.e.Timeout)
	}
	return a, nil
}

// failure says why there is no answer, in the same words for both clients.
func failure(err error, timeout time.Duration) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // without method and URL, which may be long
	}
	if err = outbound.Explain(err); err == outbound.ErrWantsTLS || err == outbound.ErrSpeaksHTTP {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %v", timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the endpoint closed the connection before the end of its answer")
	case errors.Is(err, io.EOF):
		return errors.New("the endpoint closed the connection without an answer")
	}
	const broken = "net/http: HTTP/1.x transport connection broken: "
	if text, found := strings.CutPrefix(err.Error(), broken); found {
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			if inner.Error() == text {
				return inner
			}
		}
	}
	return err
}

// newAnswer returns an answer without its body.
func newAnswer(status int, contentType, after string) *Answer {
	return &Answer{Status: status, Type: contentType, MediaType: mediaType(contentType), RetryAfter: retryAfter(after)}
}

// readAnswer reads an answer whose head has been read.
func readAnswer(resp *http.Response) (*Answer, error) {
	a := newAnswer(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Retry-After"))
	if resp.ContentLength == 0 || resp.StatusCode == http.StatusSwitchingProtocols {
		return a, nil
	}
	if resp.ContentLength > maxAnswer {
		a.Unread = errLongAnswer
		return a, nil
	}
	room := resp.ContentLength + bytes.MinRead
	if room == 0 {
		room = 512
	}
	data := bytes.NewBuffer(make([]byte, 0, room))
	_, err := data.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	coding, bad := errors.AsType[*outbound.CodingError](err)
	switch {
	case bad:
		a.Unread = coding
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case data.Len() > maxAnswer:
		a.Unread = errLongAnswer
	default:
		a.Body = data.Bytes()
	}
	return a, nil
}

// mediaType is the type of a Content-Type, without its parameters.
func mediaType(v string) string {
	before, _, _ := strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(before))
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
