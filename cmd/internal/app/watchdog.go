package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
)

// CheckAlive returns an error if a part of the process does not respond, so that only
// a new process helps. Unlike ready it is not about what others can put right:
// an XMPP server that is away, or a full disk. It may take longer than ctx has.
func (a *App) CheckAlive(ctx context.Context) error {
	if err := a.store.Alive(); err != nil {
		return err
	}
	for _, l := range a.links {
		l.Status()
	}
	current := a.current.Load()
	for _, w := range current.workers {
		w.Status()
	}
	if a.role != nil {
		if err := a.role.member.Load().Alive(); err != nil {
			return err
		}
	}
	return askMyself(ctx, &current.cfg.HTTP, a.Addr)
}

// ownURL is the URL of our own server, without a path.
func ownURL(c *config.HTTP, addr string) string {
	if c.TLS.CertFile != "" {
		return "https://" + addr
	}
	return "http://" + addr
}

// askMyself asks our own HTTP server, as everybody else does. Any answer will do.
func askMyself(ctx context.Context, c *config.HTTP, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ownURL(c, addr)+c.BasePath+"/healthz", nil)
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

// Summary is the state in one line: the first link that is not up, if any.
func (a *App) Summary() string {
	up, trouble := 0, ""
	components := a.current.Load().cfg.Components
	for _, c := range components {
		if st := a.links[c.Domain].Status(); st.State == component.Up {
			up++
		} else if trouble == "" {
			trouble = fmt.Sprintf("; %s: %s", c.Domain, st.Reason)
		}
	}
	return fmt.Sprintf("%d of %d components connected%s", up, len(components), trouble)
}
