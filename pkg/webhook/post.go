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
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/tracing"
)

// maxAnswer bounds what is read of an answer, in bytes, after decoding.
const maxAnswer = 1 << 20

// errLongAnswer means that an endpoint answered more than maxAnswer bytes.
var errLongAnswer = errors.New("the answer is longer than 1 MiB")

// Client makes the requests of one endpoint. It may be used by many goroutines.
type Client struct {
	e       *Endpoint
	format  atomic.Pointer[format]
	address *outbound.Address
	client  *http.Client
	plain   *plain // for http and sockets without a proxy; else nil

	// OnStream, which may be nil, is called when an answer to an event begins that is written
	// bit by bit. What it returns, which may be nil, gets the text so far, good until it returns.
	// It is set before the first request.
	OnStream func(ev *Event) Progress

	signer *signature.Signer
	bodies sync.Pool // of *[]byte, for the requests of plain
}

// NewClient returns the client of an endpoint. It fails without a valid URL, or for an
// unknown format.
func NewClient(e *Endpoint) (*Client, error) {
	e = e.WithDefaults()
	f := formatOf(e.Format)
	if f == nil {
		return nil, fmt.Errorf("endpoint %s: no format is named %q", e.Name, e.Format)
	}
	if e.Batch > 1 && e.Format != FormatEvent {
		return nil, fmt.Errorf("endpoint %s: Batch is for format %s", e.Name, FormatEvent)
	}
	address, err := outbound.ParseAddress(e.URL, Placeholders()...)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: the URL %w", e.Name, err)
	}
	guard := e.Guard
	if guard == nil {
		guard = outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	}
	c := &Client{e: e, address: address, signer: signature.NewSigner(e.Secrets)}
	c.format.Store(f)
	o := outbound.ClientOptions{Proxy: e.Proxy, IdleConns: e.Concurrency, TLS: e.TLS}
	if o.Socket = address.Socket(); o.Socket != "" || address.Scheme() == "http" && e.Proxy == nil {
		c.plain = newPlain(e, guard, address)
	}
	c.client = outbound.NewClient(guard, o)
	return c, nil
}

// Placeholders returns the texts in an endpoint's URL that stand for values of the stanza.
func Placeholders() []string { return []string{"{kind}", "{type}", "{to}", "{from}"} }

// Close aborts requests in flight.
func (c *Client) Close() {
	c.client.CloseIdleConnections()
	if c.plain != nil {
		c.plain.abort()
	}
}

// Retire closes idle connections when no request will be made any more;
// those of plain HTTP close by themselves.
func (c *Client) Retire() { c.client.CloseIdleConnections() }

// Unreachable returns the stanza error for the sender of an event when the endpoint
// cannot be reached.
func (c *Client) Unreachable() *stanza.Error { return c.format.Load().network }

// Post makes one request for an event, and judges the answer.
func (c *Client) Post(ctx context.Context, ev *Event) Verdict {
	if c.e.Batch > 1 && ev.Data == nil {
		return c.PostBatch(ctx, []*Event{ev})[0]
	}
	f := c.format.Load()
	var kept *[]byte // only plain is done with it when it returns
	if c.plain != nil {
		kept, _ = c.bodies.Get().(*[]byte) // only these are in it
	}
	if kept == nil {
		kept = new([]byte)
	}
	body, err := f.encode((*kept)[:0], c.e, ev)
	if err != nil {
		return impossible(err)
	}
	a, err := c.post(ctx, f, ev, body)
	if c.plain != nil && cap(body) <= plainKept {
		*kept = body
		c.bodies.Put(kept)
	}
	switch {
	case err != nil && ev.Data != nil:
		return unansweredOwn(f, err)
	case err != nil:
		return f.unanswered(err)
	case ev.Data != nil:
		return c.completed(judgeOwn(a), a)
	}
	return c.judged(f, ev, a)
}

// judged returns the verdict on the answer to a request for one event.
func (c *Client) judged(f *format, ev *Event, a *Answer) Verdict {
	var v Verdict
	if a.Unread != nil && success(a.Status) && a.Status != http.StatusAccepted && a.Status != http.StatusNoContent {
		v = invalidReply(a.Unread)
	} else {
		v = f.judge(c.e, ev, a)
	}
	v = c.completed(v, a)
	if v.Outcome == Done && !c.e.Copy && answerable(ev.Stanza) {
		v.Note.Empty = a.empty()
	}
	if v.Outcome != Done {
		v.Fault = faultOf(a.Status)
		if outbound.WantsTLS(a.Status, a.Body) {
			v.Note.NoReply = outbound.ErrWantsTLS.Error()
		}
	}
	return v
}

// completed returns a verdict with what every verdict has of its answer.
func (c *Client) completed(v Verdict, a *Answer) Verdict {
	v.Status, v.Body, v.ContentType = a.Status, a.Body, a.Type
	if !c.e.Copy { // a copy makes no reply, so none is missed
		v.Note = a.note
	}
	return v
}

// unanswered returns the verdict on an attempt without an answer.
func (f *format) unanswered(err error) Verdict {
	if _, no := errors.AsType[*unsendable](err); no {
		return impossible(err)
	}
	return Verdict{Outcome: Again, Err: f.network, Reason: err.Error(), Fault: OfEndpoint}
}

// post makes one request (Standard Webhooks 1.0.0: webhook-id is constant over
// the attempts, webhook-timestamp is the attempt's, and the signature covers
// both and the body).
func (c *Client) post(ctx context.Context, f *format, ev *Event, body []byte) (*Answer, error) {
	now := time.Now()
	fields := func(add func(name, value string)) { c.fields(f, ev, now, body, add) }
	if c.plain != nil {
		return c.plain.post(ev.value, fields, body, c.watch(ev))
	}
	u, h, err := c.head(ev, fields)
	if err != nil {
		return nil, err
	}
	return c.full(ctx, u, h, body, c.watch(ev))
}

// fields adds the headers of a request that differ from event to event.
func (c *Client) fields(f *format, ev *Event, now time.Time, body []byte, add func(name, value string)) {
	f.header(add, ev)
	add(signature.HeaderID, ev.ID)
	add(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if len(c.e.Secrets) > 0 {
		add(signature.HeaderSignature, c.signer.Sign(ev.ID, now, body))
	}
	if ev.Span != nil {
		add(tracing.Header, ev.Span.Traceparent())
	}
}

// head returns the URL and the headers of a request.
func (c *Client) head(ev *Event, fields func(add func(name, value string))) (*url.URL, http.Header, error) {
	u, err := c.address.URL(ev.value)
	if err != nil {
		return nil, nil, sendable(0, err)
	}
	if err := sendable(len(u.String()), nil); err != nil {
		return nil, nil, err
	}
	h := make(http.Header, len(c.e.Headers)+8)
	maps.Copy(h, c.e.Headers)
	h["User-Agent"] = []string{c.e.UserAgent}
	fields(func(name, value string) { h[name] = []string{value} })
	return u, h, nil
}

// Request returns the request that Post would make for an event now, for people to look
// at; in a batch of several it would be an element of an array.
func (c *Client) Request(ev *Event) (*http.Request, error) {
	f := c.format.Load()
	body, err := f.encode(nil, c.e, ev)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	u, h, err := c.head(ev, func(add func(name, value string)) { c.fields(f, ev, now, body, add) })
	if err != nil {
		return nil, err
	}
	return &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// full makes a request with all that HTTP has: TLS, HTTP/2, a proxy.
func (c *Client) full(ctx context.Context, u *url.URL, h http.Header, body []byte, by watch) (*Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.e.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	failed := func(err error) error {
		if context.Cause(ctx) == context.DeadlineExceeded {
			err = context.DeadlineExceeded
		}
		return NoAnswer(err, c.e.Timeout)
	}
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		// An idle connection may be gone: the request is sent again, with the same webhook-id.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	h["Idempotency-Key"] = nil // it is not sent, but lets net/http repeat the request
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	a, err := readAnswer(resp, by, func() { timer.Reset(c.e.Timeout) })
	if err != nil {
		return nil, failed(err)
	}
	return a, nil
}

// NoAnswer returns why there is no answer, in the same words for all clients, from the error
// of a client with a timeout.
func NoAnswer(err error, timeout time.Duration) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // without method and URL, which may be long
	}
	if err = outbound.Explain(err); err == outbound.ErrWantsTLS || err == outbound.ErrSpeaksHTTP {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &lateError{timeout}
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

// readAnswer reads an answer whose head has been read. extend gives the rest of one that is
// written bit by bit the time of a whole one, from now.
func readAnswer(resp *http.Response, by watch, extend func()) (*Answer, error) {
	a := newAnswer(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Retry-After"))
	if resp.ContentLength == 0 || resp.StatusCode == http.StatusSwitchingProtocols {
		return a, nil
	}
	if by.c != nil && success(a.Status) && isStream(a.MediaType) {
		return readStream(resp, a, extend, by.begin())
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

// mediaType returns the type of a Content-Type, without its parameters.
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
