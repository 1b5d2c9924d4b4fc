package hook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// presented are the places in which tools send a secret.
var presented = [...]string{"X-Gitlab-Token", "X-Gotify-Key"}

// Secrets returns the secrets that a request shows beside the path: a token or password of
// Authorization, headers of tools, and token and auth of the query.
func Secrets(r *http.Request) []string {
	var all []string
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		all = append(all, strings.TrimSpace(rest))
	case strings.EqualFold(scheme, "Basic"):
		if _, password, ok := r.BasicAuth(); ok {
			all = append(all, password)
		}
	}
	for _, name := range presented {
		if v := r.Header.Get(name); v != "" {
			all = append(all, v)
		}
	}
	if r.URL.RawQuery == "" {
		return all
	}
	q := r.URL.Query()
	if v := q.Get("token"); v != "" {
		all = append(all, v)
	}
	if v := q.Get("auth"); v != "" { // of ntfy: an Authorization header in base64
		if s, err := authParameter(v); err == nil {
			all = append(all, s)
		}
	}
	return all
}

func authParameter(v string) (string, error) {
	header, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(v, "="))
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	scheme, rest, _ := strings.Cut(string(header), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return rest, nil
	}
	_, password, ok := (&http.Request{Header: http.Header{"Authorization": {string(header)}}}).BasicAuth()
	if !ok {
		return "", errors.New("auth: neither Bearer nor Basic")
	}
	return password, nil
}
