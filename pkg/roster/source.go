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

// maxAnswer bounds what the source may answer, in bytes.
const maxAnswer = 1 << 20

// ErrUnknownUser means that the source does not know the owner. The roster stays as it
// is: an application that is being updated may say so of everybody.
var ErrUnknownUser = errors.New("the web application does not know this user (404 Not Found)")

// Source says which contacts an owner should have.
type Source interface {
	// ID tells one source from another: an ETag is worth something only to the
	// one it came from.
	ID() string
	// Fetch returns the wanted roster. etag is that of the answer that is known;
	// if that is still right, NotModified is set and there is no roster. Errors,
	// ErrUnknownUser among them, are for the operator to read.
	Fetch(ctx context.Context, owner jid.JID, etag string) (Wanted, error)
}

// Wanted is the answer of a source.
type Wanted struct {
	Roster      Roster
	Answer      []byte // what Decode makes the roster of
	ETag        string
	NotModified bool
}

// HTTPSource asks a web application with a GET, as Prosody's
// mod_http_roster_admin does. See [Decode] for its answer.
type HTTPSource struct {
	// URL is as for [outbound.ParseAddress], with Placeholder where the owner's
	// localpart goes.
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

// Placeholder is the text in a source's URL that the owner's localpart stands for.
const Placeholder = "%s"

// address is the URL for an owner.
func (s *HTTPSource) address(owner jid.JID) (*url.URL, error) {
	a, err := outbound.ParseAddress(s.URL, Placeholder)
	if err != nil {
		return nil, fmt.Errorf("the address of the web application %w", err)
	}
	u, err := a.URL(func(string) string { return owner.Local() })
	if bad, ok := errors.AsType[*outbound.SegmentError](err); ok {
		return nil, fmt.Errorf("the web application is not asked: with the name %q, %w", owner.Local(), bad)
	}
	return u, err
}

// maxETag bounds the ETags that are kept, in bytes. One that is longer would be
// stored for each owner, and fills the head of every request.
const maxETag = 1 << 10

// Fetch implements Source. A server that does not take a request with
// If-None-Match is asked once without.
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
		return Wanted{}, because(ctx, withoutURL(err))
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
		return Wanted{}, fmt.Errorf("the web application answered %s; only 200 with the contacts, or 304, is taken for an answer", answer.Status)
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
		body = text // what cannot be decoded was never refused: names have U+FFFD in them then
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

// blamesETag reports whether a status may be about If-None-Match: the request is
// not understood, its condition fails, or it is too large.
func blamesETag(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// because says why a context ended, where that is why something failed.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("the web application gave no answer: %w", cause)
	}
	return err
}

// withoutURL takes the URL out of an error: it may have a token in it.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("the web application gave no answer: %w", outbound.Explain(err))
}
