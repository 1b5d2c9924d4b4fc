package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// api is stanzahook's HTTP side, as any program would use it.
type api struct {
	url   string // without a path
	token string
}

const maxAnswer = 1 << 20

// post makes a POST request, and returns the status and the answer.
func (a *api) post(ctx context.Context, path, contentType, body string) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", contentType)
	return do(req)
}

// do makes a request, of stanzahook or of the web application.
func do(req *http.Request) (status int, answer string, err error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if cause := context.Cause(req.Context()); cause != nil {
			err = cause
		}
		return 0, "", fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, "", fmt.Errorf("%s %s: the answer: %w", req.Method, req.URL, err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text)), nil
}
