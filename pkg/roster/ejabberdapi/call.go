package ejabberdapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
)

// maxAnswer bounds an answer of ejabberd, in bytes. It has room for many more contacts
// than a web application may name.
const maxAnswer = 16 << 20

// errNo is the answer 1 of a command that answers 0 for success.
var errNo = errors.New("ejabberd answered 1: the command failed; ejabberd's log may have the reason")

// statusError is an answer with a status other than 200.
type statusError struct {
	status int
	text   string // of ejabberd, for people
	advice string
	kind   error // an error of a roster.Backend, or nil
}

func (e *statusError) Error() string {
	s := "ejabberd's API answered " + strconv.Itoa(e.status)
	if e.text != "" {
		s += fmt.Sprintf(" (%s)", e.text)
	}
	if e.advice != "" {
		s += ": " + e.advice
	}
	return s
}

func (e *statusError) Unwrap() error { return e.kind }

// do calls a command that answers 0 for success.
func (b *Backend) do(ctx context.Context, command string, args map[string]any) error {
	answer, err := b.call(ctx, command, args)
	if err != nil {
		return err
	}
	switch text := string(bytes.TrimSpace(answer)); text {
	case "0":
		return nil
	case "1":
		return errNo
	default:
		return fmt.Errorf("ejabberd's answer to %s is neither 0 nor 1, but %s", command, strconv.Quote(shorten(text)))
	}
}

// call calls a command and returns its answer.
func (b *Backend) call(ctx context.Context, command string, args map[string]any) ([]byte, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("the arguments of %s: %w", command, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.Timeout, fmt.Errorf("%w: it took longer than %v (rosters[].timeout)", roster.ErrTimeout, b.Timeout))
	defer cancel()
	address, err := outbound.ParseAddress(strings.TrimRight(b.URL, "/") + "/" + command)
	if err != nil {
		return nil, fmt.Errorf("ejabberd's API cannot be called: its URL %w", err)
	}
	u, err := address.URL(nil)
	if err != nil {
		return nil, fmt.Errorf("ejabberd's API cannot be called: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ejabberd's API cannot be called: %w", err)
	}
	r.URL, r.Host = u, u.Host
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", b.UserAgent)
	r.SetBasicAuth(b.User, b.Password.Reveal())
	// All commands may be repeated. This key, which is not sent, makes net/http
	// retry when ejabberd closes an idle connection.
	r.Header["Idempotency-Key"] = []string{}
	answer, err := b.Client.Do(r)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	coding, coded := errors.AsType[*outbound.CodingError](err)
	switch {
	case coded:
		return nil, fmt.Errorf("ejabberd's answer to %s cannot be read: %w", command, coding)
	case err != nil:
		return nil, unanswered(ctx, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("ejabberd's answer to %s has more than %d bytes", command, maxAnswer)
	case outbound.WantsTLS(answer.StatusCode, text):
		return nil, unanswered(ctx, outbound.ErrWantsTLS)
	case answer.StatusCode != http.StatusOK:
		return nil, b.refusal(answer.StatusCode, command, text)
	}
	return document.Unmarked(text), nil
}

// unanswered returns the error for a request without an answer.
func unanswered(ctx context.Context, err error) error {
	err = outbound.Explain(err)
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ejabberd's API gave no answer: %w", cause)
	}
	if errors.Is(err, outbound.ErrRefused) {
		return fmt.Errorf("ejabberd's API was not called: %w", err)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &down{err}
	}
	return fmt.Errorf("ejabberd's API gave no answer: %w", err)
}

// down is the error of a server that cannot be reached.
type down struct{ error }

func (d *down) Error() string {
	return "ejabberd's API cannot be reached (is ejabberd running, and is rosters[].ejabberd_api.url right?): " + d.error.Error()
}

func (d *down) Unwrap() []error { return []error{gateway.ErrDown, d.error} }

// refusal returns the error for an answer other than 200.
func (b *Backend) refusal(status int, command string, body []byte) error {
	e := &statusError{status: status, text: textOf(body)}
	command, _, _ = strings.Cut(command, "/")
	switch {
	case status == http.StatusUnauthorized:
		e.kind = roster.ErrForbidden
		e.advice = fmt.Sprintf("the password of %s is wrong, or there is no such account (rosters[].ejabberd_api)", b.User)
	case status == http.StatusForbidden:
		e.kind = roster.ErrForbidden
		e.advice = fmt.Sprintf("%s may not use %s; ejabberd's api_permissions have to allow him %s", b.User, command, strings.Join(Commands(), ", "))
	case status == http.StatusNotFound:
		e.kind = roster.ErrCannot
		e.advice = "rosters[].ejabberd_api.url has to be that of mod_http_api (listen, request_handlers), and mod_admin_extra has to be loaded"
	case status >= 300 && status < 400:
		e.kind = roster.ErrCannot
		e.advice = "redirects are not followed; write the address that it leads to in rosters[].ejabberd_api.url"
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		e.kind = gateway.ErrDown
	case status == http.StatusInternalServerError:
		e.advice = "its log has the reason; it is so too for a host that it does not serve"
	}
	return e
}

// textOf returns the text of a refusal: a string, or an object with a message. It
// ignores texts of other programs, such as a proxy.
func textOf(body []byte) string {
	var text string
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &text) != nil && json.Unmarshal(body, &object) == nil {
		text = object.Message
	}
	return shorten(text)
}

func shorten(s string) string { return document.Clip(s, 200) }
