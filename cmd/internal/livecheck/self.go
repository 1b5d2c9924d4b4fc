package livecheck

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"stanzahook/cmd/internal/config"
)

// OwnURL is the URL of our own server, without a path.
func OwnURL(c *config.HTTP, addr string) string {
	if c.TLS.CertFile != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

// Self asks our own HTTP server, as everybody else does. Any answer will do.
func Self(ctx context.Context, c *config.HTTP, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, OwnURL(c, addr)+c.BasePath+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	// A new connection shows that others get one. It is for no other host, so
	// the certificate, which may have expired, does not matter.
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("http: our own server does not answer: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("http: our own server does not answer: %w", err)
	}
	return nil
}
