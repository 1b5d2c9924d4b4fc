// Package instance asks a running instance of stanzahook over its HTTP API.
package instance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/document"
)

const (
	// DefaultURL is where an instance is, if neither a flag nor EnvAPI says so.
	DefaultURL = "http://127.0.0.1:5290"
	// EnvAPI and EnvToken are the variables with the URL and the token.
	EnvAPI   = "STANZAHOOK_API"
	EnvToken = "STANZAHOOK_TOKEN"
	// Timeout bounds one request.
	Timeout = 60 * time.Second

	maxBytes = 64 << 20 // of an answer
)

// API asks a running instance.
type API struct {
	URL       string // empty: that of EnvAPI
	TokenFile string
	Bearer    string // the token, if it is known already
	Scope     string // that a token needs
	Client    http.Client
}

// New returns an API. A token needs the scope for what is asked.
func New(scope string) *API {
	return &API{Scope: scope, Client: http.Client{Timeout: Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Base returns the URL of the instance.
func (a *API) Base() (string, error) {
	base := a.URL
	if base == "" {
		base = os.Getenv(EnvAPI)
	}
	if base == "" {
		base = DefaultURL
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("the address of the instance (--api or %s) is not an http or https URL", EnvAPI)
	}
	return strings.TrimSuffix(base, "/"), nil
}

func (a *API) token() (string, error) {
	switch {
	case a.Bearer != "":
		return a.Bearer, nil
	case a.TokenFile == "":
		return os.Getenv(EnvToken), nil
	}
	data, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return strings.TrimSpace(string(document.Unmarked(data))), nil
}

// Request is one request to the instance.
type Request struct {
	Method, Path string // without a method: POST with a body, else GET
	Query        url.Values
	Body         any // its JSON is sent; nil: none
	// Raw is sent as it is in place of Body, Length bytes of it; nil: it is not.
	Raw    io.Reader
	Length int64
}

// Send makes a request, and returns the body of the answer. An answer that is not a
// success becomes an error that says why, and what to do.
func (a *API) Send(ctx context.Context, q Request) (json.RawMessage, error) {
	answer, err := a.Stream(ctx, &a.Client, q, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return readBodyOf(answer)
}

// Stream makes a request over a client, with additional headers, and returns the answer of
// success, whose body the caller closes. Errors are those of Send.
func (a *API) Stream(ctx context.Context, client *http.Client, q Request, header http.Header) (*http.Response, error) {
	base, err := a.Base()
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	method, body := q.Method, []byte(nil)
	if q.Body != nil {
		if body, err = json.Marshal(q.Body); err != nil {
			return nil, err
		}
		method = cmp.Or(method, http.MethodPost)
	}
	if len(q.Query) > 0 {
		q.Path += "?" + q.Query.Encode()
	}
	content := io.Reader(bytes.NewReader(body))
	if q.Raw != nil {
		content, method = q.Raw, cmp.Or(method, http.MethodPost)
	}
	r, err := http.NewRequestWithContext(ctx, method, base+q.Path, content) // without a method: GET
	if err != nil {
		return nil, err
	}
	if q.Raw != nil {
		r.ContentLength = q.Length
	}
	maps.Copy(r.Header, header)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("User-Agent", build.UserAgent())
	answer, err := client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may have a password
		}
		return nil, fmt.Errorf("no answer from stanzahook at %s: %w\n%s", Public(base), err, adviceOnConnection(err))
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	text, err := readBodyOf(answer)
	if err != nil {
		return nil, err
	}
	return nil, a.problemOf(answer, text)
}

func readBodyOf(answer *http.Response) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBytes))
	if err != nil {
		return nil, fmt.Errorf("the answer of stanzahook at %s broke off: %w", Public(answer.Request.URL.Scheme+"://"+answer.Request.URL.Host), err)
	}
	if answer.StatusCode == http.StatusNoContent {
		return json.RawMessage("{}"), nil
	}
	return text, nil
}

// adviceOnConnection says what to do when there was no answer.
func adviceOnConnection(err error) string {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return "Write the name in its certificate into --api or " + EnvAPI + "; SSL_CERT_FILE names a file with the certificate to trust, if it is self-made"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "It speaks HTTP there; write http:// in --api or " + EnvAPI
	}
	return "Is it running there? Say with --api or " + EnvAPI + " where it is"
}

// needsToken says how to give a command the token that it needs.
func (a *API) needsToken() string {
	scope := ""
	if a.Scope != "" {
		scope = " with the scope " + a.Scope
	}
	return "Put a token" + scope + " into " + EnvToken + ", or name its file with --token-file; \"stanzahook token new --help\" says how to make one"
}

// Public is a URL without its password.
func Public(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Redacted()
}

// Error is a refusal by the instance.
type Error struct {
	Status     int
	Text       string
	RetryAfter time.Duration // 0: not said
	Condition  string        // of the stanza error that the XMPP side has answered with, if any
	Body       []byte
}

func (e *Error) Error() string { return e.Text }

func (a *API) problemOf(answer *http.Response, body []byte) error {
	var problem struct {
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
		Condition string
	}
	// What is not a problem document has no detail: the status says all.
	_ = json.Unmarshal(body, &problem)
	text := terminal.Harmless(problem.Detail)
	if text == "" {
		text = "it answered " + terminal.Harmless(answer.Status) + "; is this stanzahook?"
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		text += "\n" + a.needsToken()
	case http.StatusForbidden:
		// A refusal of from names the allowed addresses; others need another token.
		if !strings.HasPrefix(text, "from: ") {
			text += "\n" + a.needsToken()
		}
	case http.StatusBadRequest:
		if strings.Contains(string(body), "HTTP request to an HTTPS server") {
			text = "it speaks HTTPS there; write https:// in --api or " + EnvAPI
		}
	case http.StatusInternalServerError:
		text += " (" + terminal.Harmless(problem.RequestID) + ")"
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // 0 where there is none
	return &Error{answer.StatusCode, text, time.Duration(max(seconds, 0)) * time.Second, problem.Condition, body}
}

// Decode reads an answer.
func Decode[T any](answer json.RawMessage) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(answer, v); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return v, nil
}

// Get asks for what is at a path.
func Get[T any](ctx context.Context, a *API, path string) (*T, error) {
	answer, err := a.Send(ctx, Request{Path: path})
	if err != nil {
		return nil, err
	}
	return Decode[T](answer)
}
