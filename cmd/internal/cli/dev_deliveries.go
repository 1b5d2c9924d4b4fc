package cli

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

	"stanzahook/httpapi/v1"
)

// followDeliveries shows what becomes of deliveries, until the context is done; then the
// channel closes. If that fails it calls cancel.
func (s *devSession) followDeliveries(ctx context.Context, cancel context.CancelCauseFunc) (<-chan struct{}, error) {
	connected, ended := make(chan struct{}), make(chan struct{})
	f := &follower{api: s.bridge.api, request: tailRequest(url.Values{"kinds": {"delivery"}}), notices: io.Discard}
	f.onConnected = func() error { close(connected); return nil }
	f.onEvent = func(e streamEvent) error { return s.onDelivery(ctx, e) }
	go func() {
		defer close(ended)
		cancel(f.follow(ctx))
	}()
	select {
	case <-connected:
		return ended, nil
	case <-ended:
		return ended, context.Cause(ctx)
	}
}

// onDelivery shows a change of a delivery.
func (s *devSession) onDelivery(ctx context.Context, e streamEvent) error {
	if e.Event != "delivery" {
		return nil
	}
	var d deliveryEvent
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("an event of the tail cannot be read: %w", err)
	}
	if d.Attempt != nil {
		v, err := ask[v1.Delivery](ctx, s.bridge.api, deliveryPath(d.ID))
		if err != nil {
			return err
		}
		if n := min(d.Attempt.N, len(v.Attempts)); n > 0 {
			s.tell(s.outcome(d.State, &v.Attempts[n-1], n == 1))
		}
	} else if d.State == "dead" || d.State == "dropped" {
		s.tell(red, "given up: "+text(d.Reason, "no reason"))
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
func (s *devSession) outcome(state string, a *v1.Attempt, first bool) (colour, string) {
	var b strings.Builder
	c := dim
	if a.Status == nil {
		fmt.Fprintf(&b, "no answer, after %.1f ms", a.Duration)
	} else {
		fmt.Fprintf(&b, "answered %d %s%s, in %.1f ms", *a.Status, http.StatusText(*a.Status), after(", ", text(a.ContentType, "")), a.Duration)
	}
	if a.Error != nil {
		c = red
		if why := "HTTP " + strconv.Itoa(statusOf(a)); *a.Error != why {
			b.WriteString(": " + onTerminal(*a.Error))
		}
	}
	if strings.TrimSpace(a.Answer) != "" && (a.Error != nil || a.Note != nil) {
		b.WriteString("; it says " + quotedAnswer(a.Answer))
	}
	if a.Note != nil {
		if c == dim {
			c = yellow
		}
		b.WriteString("; " + onTerminal(*a.Note))
	} else if a.Error == nil && strings.TrimSpace(a.Answer) == "" {
		b.WriteString("; no reply is made of that: it is empty")
	}
	switch state {
	case "retrying":
		b.WriteString("; it is tried again")
	case "dead":
		b.WriteString("; it is not tried again")
	}
	if first && strings.Contains(text(a.Error, ""), "connection refused") && !s.bridge.down.Load() {
		b.WriteString("; does the bot run at " + s.options.bot + "?")
	}
	return c, b.String()
}

// after is a text behind another; empty if it is.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func statusOf(a *v1.Attempt) int {
	if a.Status == nil {
		return 0
	}
	return *a.Status
}

// maxShownAnswer bounds what is shown of an answer in a line.
const maxShownAnswer = 200

// quotedAnswer is the beginning of an answer in a line.
func quotedAnswer(answer string) string {
	all := []rune(answer)
	if len(all) > maxShownAnswer {
		return strconv.Quote(string(all[:maxShownAnswer])) + " …"
	}
	return strconv.Quote(answer)
}

// show shows the last request and its answer.
func (s *devSession) show(ctx context.Context, _ string) error {
	s.mu.Lock()
	id := s.last
	s.mu.Unlock()
	if id == "" {
		return errors.New("there was no request yet")
	}
	d, err := ask[v1.Delivery](ctx, s.bridge.api, deliveryPath(id))
	if err != nil {
		return err
	}
	r, err := ask[v1.Request](ctx, s.bridge.api, deliveryPath(id)+"/request")
	if err != nil {
		return err
	}
	s.screen.print(plain, shownRequest(r))
	if len(d.Attempts) == 0 {
		return nil
	}
	a := &d.Attempts[len(d.Attempts)-1]
	c, outcome := s.outcome(d.State, a, true)
	s.screen.print(c, "\n"+outcome)
	if a.Answer != "" {
		s.screen.print(plain, "\n"+a.Answer)
	}
	return nil
}

// ask asks the API for what is at a path.
func ask[T any](ctx context.Context, a *api, path string) (*T, error) {
	answer, err := a.send(ctx, request{path: path})
	if err != nil {
		return nil, err
	}
	return decode[T](answer)
}
