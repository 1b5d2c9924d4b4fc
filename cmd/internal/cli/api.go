package cli

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

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
	"stanzahook/pkg/document"
)

const (
	defaultAPI = "http://127.0.0.1:5290"
	EnvAPI     = "STANZAHOOK_API"
	envToken   = "STANZAHOOK_TOKEN"

	apiTimeout  = 60 * time.Second // of one request
	maxAPIBytes = 64 << 20         // of an answer
)

// api asks a running instance.
type api struct {
	url, tokenFile string
	bearer         string // the token, if it is known already
	scope          string // that a token needs
	client         http.Client
}

// apiFlags gives a command the flags that say where the instance is. A token
// needs the scope for what the command does.
func apiFlags(cmd *cobra.Command, scope string) *api {
	a := &api{scope: scope, client: http.Client{Timeout: apiTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	cmd.PersistentFlags().StringVar(&a.url, "api", "", "URL of the running instance, http.base_path included (default $"+EnvAPI+", else "+defaultAPI+")")
	cmd.PersistentFlags().StringVar(&a.tokenFile, "token-file", "", "file with the API token (default: the token in $"+envToken+")")
	return a
}

func (a *api) base() (string, error) {
	base := a.url
	if base == "" {
		base = os.Getenv(EnvAPI)
	}
	if base == "" {
		base = defaultAPI
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("the address of the instance (--api or %s) is not an http or https URL", EnvAPI)
	}
	return strings.TrimSuffix(base, "/"), nil
}

func (a *api) token() (string, error) {
	switch {
	case a.bearer != "":
		return a.bearer, nil
	case a.tokenFile == "":
		return os.Getenv(envToken), nil
	}
	data, err := os.ReadFile(a.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return strings.TrimSpace(string(document.Unmarked(data))), nil
}

// request is one request to the instance.
type request struct {
	method, path string // without a method: POST with a body, else GET
	query        url.Values
	body         any // its JSON is sent; nil: none
}

// command completes a command that makes one request and prints the answer. An error
// of ask is a usage error.
func (a *api) command(cmd *cobra.Command, print printer, ask func(args []string) (request, error)) *cobra.Command {
	jsonFlag(cmd, "as JSON, as the API gives it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := ask(args)
		if err != nil {
			return err
		}
		answer, err := a.send(cmd.Context(), r)
		if err == nil {
			err = printAnswer(cmd, answer, print)
		}
		return failed(err)
	}
	return cmd
}

// send makes a request, and returns the body of the answer. An answer that is not a
// success becomes an error that says why, and what to do.
func (a *api) send(ctx context.Context, q request) (json.RawMessage, error) {
	answer, err := a.ask(ctx, &a.client, q, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return readBodyOf(answer)
}

// ask makes a request over a client, with additional headers, and returns the answer of
// success, whose body the caller closes. Errors are those of send.
func (a *api) ask(ctx context.Context, client *http.Client, q request, header http.Header) (*http.Response, error) {
	base, err := a.base()
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	method, body := q.method, []byte(nil)
	if q.body != nil {
		if body, err = json.Marshal(q.body); err != nil {
			return nil, err
		}
		method = cmp.Or(method, http.MethodPost)
	}
	if len(q.query) > 0 {
		q.path += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, base+q.path, bytes.NewReader(body)) // without a method: GET
	if err != nil {
		return nil, err
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
		return nil, fmt.Errorf("no answer from stanzahook at %s: %w\n%s", public(base), err, adviceOnConnection(err))
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
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAPIBytes))
	if err != nil {
		return nil, fmt.Errorf("the answer of stanzahook at %s broke off: %w", public(answer.Request.URL.Scheme+"://"+answer.Request.URL.Host), err)
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
func (a *api) needsToken() string {
	scope := ""
	if a.scope != "" {
		scope = " with the scope " + a.scope
	}
	return "Put a token" + scope + " into " + envToken + ", or name its file with --token-file; \"stanzahook token new --help\" says how to make one"
}

func public(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Redacted()
}

// apiError is a refusal by the instance.
type apiError struct {
	status     int
	text       string
	retryAfter time.Duration // 0: not said
	condition  string        // of the stanza error that the XMPP side has answered with, if any
	body       []byte
}

func (e *apiError) Error() string { return e.text }

func (a *api) problemOf(answer *http.Response, body []byte) error {
	var problem struct {
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
		Condition string
	}
	// What is not a problem document has no detail: the status says all.
	_ = json.Unmarshal(body, &problem)
	text := onTerminal(problem.Detail)
	if text == "" {
		text = "it answered " + onTerminal(answer.Status) + "; is this stanzahook?"
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
		text += " (" + onTerminal(problem.RequestID) + ")"
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // 0 where there is none
	return &apiError{answer.StatusCode, text, time.Duration(max(seconds, 0)) * time.Second, problem.Condition, body}
}
