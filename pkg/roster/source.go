package roster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
)

// maxAnswer bounds the answer of a source, in bytes.
const maxAnswer = 1 << 20

// ErrUnknownUser means that the source does not know the owner. The roster stays
// unchanged: during a deployment an application may answer so for everybody.
var ErrUnknownUser = errors.New("the web application does not know this user (404 Not Found)")

// Source says which contacts an owner should have.
type Source interface {
	// ID identifies the source. An ETag is valid only for the source that sent it.
	ID() string
	// Fetch returns the wanted roster. etag is the ETag of the last answer; if
	// that answer is still valid, NotModified is set and there is no roster.
	// Errors, ErrUnknownUser among them, are for the operator.
	Fetch(ctx context.Context, owner jid.JID, etag string) (Wanted, error)
}

// Wanted is the answer of a source.
type Wanted struct {
	Roster      Roster
	Answer      []byte // which Decode reads
	ETag        string
	NotModified bool
}

// HTTPSource asks a web application with a GET, as Prosody's
// mod_http_roster_admin does. See [Decode] for its answer.
type HTTPSource struct {
	// URL is an address for [outbound.ParseAddress] with [Placeholder] in it.
	URL       string
	Headers   http.Header
	UserAgent string
	Timeout   time.Duration // for the whole answer
	Client    *http.Client  // that follows no redirects
}

// ID implements Source.
func (s *HTTPSource) ID() string {
	sum := sha256.Sum256([]byte(s.URL))
	return hex.EncodeToString(sum[:8])
}

// Placeholder stands for the owner's localpart in the URL of a source.
const Placeholder = "%s"

// address returns the URL for an owner.
func (s *HTTPSource) address(owner jid.JID) (*url.URL, error) {
	a, err := outbound.ParseAddress(s.URL, Placeholder)
	if err != nil {
		return nil, fmt.Errorf("the address of the web application %w", err)
	}
	u, err := a.URL(func(string) string { return owner.Local() })
	if bad, ok := errors.AsType[*outbound.SegmentError](err); ok {
		return nil, fmt.Errorf("the web application was not asked: with the name %q, %w", owner.Local(), bad)
	}
	return u, err
}

// maxETag bounds the ETags that are kept, in bytes: each is stored for its owner
// and sent with every request.
const maxETag = 1 << 10

// Fetch implements Source. If a server rejects the request with If-None-Match,
// Fetch asks once without it.
func (s *HTTPSource) Fetch(ctx context.Context, owner jid.JID, etag string) (Wanted, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, fmt.Errorf("it took longer than %v (rosters[].timeout)", s.Timeout))
	defer cancel()
	u, err := s.address(owner)
	if err != nil {
		return Wanted{}, err
	}
	etag = usableETag(etag)
	answer, err := s.ask(ctx, u, etag)
	if err == nil && etag != "" && blamesETag(answer.StatusCode) {
		drain(answer)
		etag = ""
		answer, err = s.ask(ctx, u, etag)
	}
	if err != nil {
		return Wanted{}, because(ctx, fmt.Errorf("the web application gave no answer: %w", outbound.Explain(err)))
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		if etag == "" {
			return Wanted{}, errors.New("the web application answered 304 Not Modified to a request without If-None-Match; it has to answer 200 with the contacts")
		}
		drain(answer)
		return Wanted{NotModified: true, ETag: etag}, nil
	case http.StatusNotFound:
		drain(answer)
		return Wanted{}, ErrUnknownUser
	default:
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096)) // for a hint only
		drain(answer)
		if outbound.WantsTLS(answer.StatusCode, text) {
			return Wanted{}, fmt.Errorf("the web application gave no answer: %w", outbound.ErrWantsTLS)
		}
		return Wanted{}, fmt.Errorf("the web application answered %s; 200 with the contacts, or 304, is expected", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	coding, coded := errors.AsType[*outbound.CodingError](err)
	switch {
	case coded:
		return Wanted{}, fmt.Errorf("the web application's answer cannot be read: %w", coding)
	case err != nil:
		return Wanted{}, because(ctx, fmt.Errorf("the web application's answer broke off: %w", err))
	case len(body) > maxAnswer:
		return Wanted{}, fmt.Errorf("the web application's answer has more than %d bytes", maxAnswer)
	}
	if text, err := document.Decode(body, answer.Header.Get("Content-Type"), document.JSON); err == nil {
		body = text // undecodable bytes are tolerated: names then contain U+FFFD
	}
	want, err := Decode(body, owner)
	if err != nil {
		return Wanted{}, fmt.Errorf("the web application's answer: %w", err)
	}
	return Wanted{Roster: want, Answer: body, ETag: usableETag(answer.Header.Get("ETag"))}, nil
}

// ask makes one request.
func (s *HTTPSource) ask(ctx context.Context, u *url.URL, etag string) (*http.Response, error) {
	r := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: s.Headers.Clone()}).WithContext(ctx)
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json, text/plain, */*")
	}
	r.Header.Set("User-Agent", s.UserAgent)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	return s.Client.Do(r)
}

// drain reads the rest of an answer, so that its connection can be used again.
func drain(answer *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	_ = answer.Body.Close()
}

// usableETag returns an ETag that is not too long to be kept and sent back, or "".
func usableETag(etag string) string {
	if len(etag) > maxETag {
		return ""
	}
	return etag
}

// blamesETag reports whether a status may be about If-None-Match: the request was
// not understood, its condition failed, or it was too large.
func blamesETag(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// because returns the cause of an ended context, if that explains err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("the web application gave no answer: %w", cause)
	}
	return err
}
