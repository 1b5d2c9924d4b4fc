package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
)

// Fetch uploads what an http or https address has. The name and type of x count, then what
// the address says. The error is an [*Error], or one of Options.Request.
func (u *Uploads) Fetch(ctx context.Context, x Upload, address string) (File, error) {
	c := u.components[x.Bot.Domain()]
	target, err := url.Parse(address)
	switch {
	case err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Hostname() == "" || target.User != nil:
		return File{}, &Error{Reason: Guarded, Text: fmt.Sprintf("%.100q is not an http or https address without a user", address)}
	case c == nil:
		return File{}, &Error{Reason: NoService, Text: "the domain " + x.Bot.Domain() + " is none of our components"}
	}
	release, err := c.enter(&x)
	if err != nil {
		return File{}, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return File{}, &Error{Reason: Guarded, Err: err, Text: "the address is not valid"}
	}
	resp, err := c.clients.Load().Fetch.Do(r)
	if err != nil {
		return File{}, fetchError(err, target)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e := &Error{Reason: Source, Status: resp.StatusCode, Text: fmt.Sprintf("%s answered %d", target.Host, resp.StatusCode)}
		if resp.StatusCode/100 == 3 {
			e.Text += "; redirects are not followed"
		}
		return File{}, e
	}
	if x.Name == "" {
		x.Name = path.Base(target.Path)
	}
	if x.Type == "" {
		x.Type = resp.Header.Get("Content-Type")
	}
	x.Body, x.Size, x.Interrupt = resp.Body, resp.ContentLength, cancel
	f, err := c.upload(ctx, x)
	if e, ok := errors.AsType[*Error](err); ok && (e.Reason == Broken || e.Reason == Slow || e.Reason == Empty) {
		e.Reason, e.Text = Source, target.Host+": "+e.Error()
	}
	return f, err
}

func fetchError(err error, target *url.URL) error {
	if errors.Is(err, outbound.ErrRefused) {
		text := err.Error()
		if refusal, ok := errors.AsType[*outbound.Refusal](err); ok {
			text = refusal.Error()
		}
		return &Error{Reason: Guarded, Err: err, Text: fmt.Sprintf("%s must not be reached: %s", target.Host, text)}
	}
	return &Error{Reason: Source, Err: err, Text: fmt.Sprintf("%s cannot be fetched: %s", target.Host, stanza.Clean(err.Error()))}
}
