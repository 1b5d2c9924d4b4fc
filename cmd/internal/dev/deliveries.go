package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/httpapi/v1"
)

// followDeliveries shows what becomes of deliveries, until the context is done; then the
// channel closes. If that fails it calls cancel.
func (s *session) followDeliveries(ctx context.Context, cancel context.CancelCauseFunc) (<-chan struct{}, error) {
	connected, ended := make(chan struct{}), make(chan struct{})
	f := &instance.Follower{API: s.bridge.api, Request: instance.TailRequest(url.Values{"kinds": {"delivery"}}), Notices: io.Discard}
	f.OnConnected = func() error { close(connected); return nil }
	f.OnEvent = func(e instance.Event) error { return s.onDelivery(ctx, e) }
	go func() {
		defer close(ended)
		cancel(f.Follow(ctx))
	}()
	select {
	case <-connected:
		return ended, nil
	case <-ended:
		return ended, context.Cause(ctx)
	}
}

// onDelivery shows a change of a delivery.
func (s *session) onDelivery(ctx context.Context, e instance.Event) error {
	if e.Event != "delivery" {
		return nil
	}
	var d instance.Delivery
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("an event of the tail cannot be read: %w", err)
	}
	if d.Attempt != nil {
		v, err := instance.Get[v1.Delivery](ctx, s.bridge.api, instance.DeliveryPath(d.ID))
		if err != nil {
			return err
		}
		if n := min(d.Attempt.N, len(v.Attempts)); n > 0 {
			s.tell(s.outcome(d.State, &v.Attempts[n-1], n == 1))
		}
	} else if d.State == "dead" || d.State == "dropped" {
		s.tell(terminal.Red, "given up: "+terminal.Text(d.Reason, "no reason"))
	}
	conversation := conversationOf(d.From, d.To)
	s.change(func() {
		delete(s.unsure, d.ID)
		if d.State == "retrying" {
			s.unsure[d.ID] = conversation
		}
		if d.Attempt != nil {
			s.attempts[conversation]++
			s.last = d.ID
		}
	})
	return nil
}

// outcome says what became of an attempt, and why; of the first one of a delivery, also what
// to look at.
func (s *session) outcome(state string, a *v1.Attempt, first bool) (terminal.Colour, string) {
	var b strings.Builder
	c := terminal.Dim
	if a.Status == nil {
		fmt.Fprintf(&b, "no answer, after %.1f ms", a.Duration)
	} else {
		fmt.Fprintf(&b, "answered %d %s%s, in %.1f ms", *a.Status, http.StatusText(*a.Status), terminal.After(", ", terminal.Text(a.ContentType, "")), a.Duration)
	}
	if a.Error != nil {
		c = terminal.Red
		if why := "HTTP " + strconv.Itoa(statusOf(a)); *a.Error != why {
			b.WriteString(": " + terminal.Harmless(*a.Error))
		}
	}
	if strings.TrimSpace(a.Answer) != "" && (a.Error != nil || a.Note != nil) {
		b.WriteString("; it says " + terminal.Quoted(a.Answer))
	}
	if a.Note != nil {
		if c == terminal.Dim {
			c = terminal.Yellow
		}
		b.WriteString("; " + terminal.Harmless(*a.Note))
	} else if a.Error == nil && strings.TrimSpace(a.Answer) == "" {
		b.WriteString("; no reply is made of that: it is empty")
	}
	switch state {
	case "retrying":
		b.WriteString("; it is tried again")
	case "dead":
		b.WriteString("; it is not tried again")
	}
	if first && strings.Contains(terminal.Text(a.Error, ""), "connection refused") && !s.bridge.down.Load() {
		b.WriteString("; does the bot run at " + s.options.Bot + "?")
	}
	return c, b.String()
}

func statusOf(a *v1.Attempt) int {
	if a.Status == nil {
		return 0
	}
	return *a.Status
}

// show shows the last request and its answer.
func (s *session) show(ctx context.Context, _ string) error {
	s.mu.Lock()
	id := s.last
	s.mu.Unlock()
	if id == "" {
		return errors.New("there was no request yet")
	}
	d, err := instance.Get[v1.Delivery](ctx, s.bridge.api, instance.DeliveryPath(id))
	if err != nil {
		return err
	}
	r, err := instance.Get[v1.Request](ctx, s.bridge.api, instance.DeliveryPath(id)+"/request")
	if err != nil {
		return err
	}
	s.screen.Print(terminal.Plain, shownRequest(r))
	if len(d.Attempts) == 0 {
		return nil
	}
	a := &d.Attempts[len(d.Attempts)-1]
	c, outcome := s.outcome(d.State, a, true)
	s.screen.Print(c, "\n"+outcome)
	if a.Answer != "" {
		s.screen.Print(terminal.Plain, "\n"+a.Answer)
	}
	return nil
}
