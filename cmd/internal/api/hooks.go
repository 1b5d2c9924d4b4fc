package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/component/waiting"
	"stanzahook/httpapi/hooks"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	tools "stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Hooks implements [v1.Hooks].
type Hooks struct {
	Config   func() *config.Config // as it is now
	Table    *made.Table[config.Hook]
	Statuses *hooks.Statuses
	Waiting  *waiting.Messages // tests to rooms
	Sender   gateway.Sender    // other tests
}

// List implements v1.Hooks.
func (s *Hooks) List(context.Context) ([]v1.Hook, error) {
	var all []v1.Hook
	cfg := s.Config()
	for i := range cfg.Hooks {
		one := s.describe(&cfg.Hooks[i])
		one.Keys = nil
		all = append(all, one)
	}
	return all, nil
}

func (s *Hooks) describe(h *config.Hook) v1.Hook {
	st := s.Statuses.Get(h.Name)
	one := v1.Hook{Name: h.Name, Adapter: h.Adapter, Source: "config", Count: st.Requests, Failed: st.Failed, LastTime: timeOrNil(st.LastTime)}
	if h.ByAPI() {
		one.Source, one.Keys = "api", h.Given
	}
	if st.LastError != "" {
		one.LastError = &v1.HookError{Time: st.ErrorTime.UTC(), Error: st.LastError}
	}
	return one
}

func (s *Hooks) find(name string) (*config.Hook, error) {
	cfg := s.Config() // a put has changed it
	for i := range cfg.Hooks {
		if cfg.Hooks[i].Name == name {
			return &cfg.Hooks[i], nil
		}
	}
	return nil, gateway.ErrNotFound
}

// Get implements v1.Hooks.
func (s *Hooks) Get(_ context.Context, name string) (v1.Hook, error) {
	h, err := s.find(name)
	if err != nil {
		return v1.Hook{}, err
	}
	return s.describe(h), nil
}

// Put implements v1.Hooks.
func (s *Hooks) Put(ctx context.Context, name string, keys []byte) (v1.Hook, bool, error) {
	fresh, err := s.Table.Put(ctx, name, keys)
	if err != nil {
		return v1.Hook{}, false, err
	}
	h, err := s.Get(ctx, name)
	return h, fresh, err
}

// Delete implements v1.Hooks.
func (s *Hooks) Delete(ctx context.Context, name string) error {
	return s.Table.Delete(ctx, name)
}

// Requests implements v1.Hooks.
func (s *Hooks) Requests(name string) ([]v1.HookRequest, error) {
	if _, err := s.find(name); err != nil {
		return nil, err
	}
	var all []v1.HookRequest
	for _, r := range s.Statuses.Requests(name) {
		one := v1.HookRequest{Time: r.Time, ID: r.ID, Result: string(r.Result), Error: r.Error, Count: r.Count}
		for _, m := range r.Messages {
			one.Messages = append(one.Messages, v1.HookRequestMessage(m))
		}
		all = append(all, one)
	}
	return all, nil
}

// Test implements v1.Hooks.
func (s *Hooks) Test(ctx context.Context, name string, send bool) ([]v1.HookMessage, error) {
	h, err := s.find(name)
	if err != nil {
		return nil, err
	}
	sample := tools.Sample(h.Adapter)
	sample.Time = time.Now()
	n, err := h.Reader.Read(sample)
	if err != nil {
		return nil, &v1.WrongHook{Text: err.Error()}
	}
	to := h.Recipients
	if len(to) == 0 {
		for _, j := range h.TargetJIDs {
			to = append(to, j)
		}
	}
	all := []v1.HookMessage{}
	var failed error
	sent := 0
	for _, t := range n.Texts {
		if t.Cut != nil {
			return nil, &v1.WrongHook{Text: "template: " + t.Cut.Error()}
		}
		for _, j := range to {
			one := v1.HookMessage{To: j.String(), Body: t.Body}
			if send {
				if one.ID, one.State, err = s.sendTest(ctx, h, j, t.Body); err != nil {
					one.State, one.Error, failed = "failed", err.Error(), err
				} else {
					sent++
				}
			}
			all = append(all, one)
		}
	}
	if failed != nil && sent == 0 {
		return nil, failed
	}
	return all, nil
}

// sendTest sends one message of a test.
//
// Killed before it returns: the message was sent or not, and the caller may test again.
func (s *Hooks) sendTest(ctx context.Context, h *config.Hook, to jid.JID, body string) (id, state string, err error) {
	header := stanza.Header{Kind: stanza.Message, Type: "chat", From: h.Sender, To: to, ID: rand.Text()}
	certain := slices.Contains(h.Rooms, to)
	room, known := certain, certain
	if !certain {
		room, known = s.Waiting.IsRoom(ctx, to, h.Sender.Bare())
	}
	if room || !known {
		header.Type, header.From = "groupchat", h.Sender.Bare()
	}
	m, err := stanza.Build(header, stanza.TextElement("body", body), s.Sender.Limits(h.Sender))
	if err != nil {
		return "", "", err
	}
	how := gateway.Sending{Caller: hooks.Caller(h.Name)}
	var st gateway.State
	if room || !known {
		st, err = s.Waiting.Send(ctx, h.Name, m, known, how)
	} else {
		st, err = s.Sender.Send(ctx, m, how)
	}
	if err != nil {
		o := gateway.OutcomeOf(m, err)
		if o.Result == gateway.Rejected {
			o.Status, o.RetryAfter, o.Hint = http.StatusServiceUnavailable, 60, hooks.TooMuch
		}
		return "", "", &v1.WrongHook{Text: o.Text(), Status: o.Status, RetryAfter: o.RetryAfter}
	}
	return m.ID, string(st), nil
}
