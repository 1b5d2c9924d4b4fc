package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/sending"
	"stanzahook/component/corrections"
	"stanzahook/component/rooms"
	"stanzahook/component/waiting"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// newSender makes a sender of callers; who uses it for others sets domains and limits.
func (a *App) newSender() *sending.Sender {
	return &sending.Sender{Links: a.links, Outboxes: a.outboxes, Outcomes: a.sent, Notes: a.notes(), Rooms: a.rooms, Waiting: a.waiting, Corrections: a.corrections}
}

func (a *App) notes() *sending.Notes {
	return &sending.Notes{Quiet: a.quiet, Recent: a.recent, Questions: a.questions, Rooms: a.rooms}
}

// answers is what the answers of webhooks are sent over.
func (a *App) answers() delivery.Sender {
	return a.echoes.Over(a.rooms.Over(sending.Noting{Sender: a.waiting.Over(a.links), Notes: a.notes(), Corrections: a.corrections}))
}

// makeWaiting makes the messages that wait for their rooms.
func (a *App) makeWaiting() {
	send := a.newSender()
	send.Departs = true
	a.waiting = waiting.New(waiting.Options{
		Rooms: a.rooms, Store: a.store.WaitingMessages(), Send: send.Send, Request: send.Request, Failed: a.onNotSent, Ended: a.onWaited, Wait: confirmTime, MaxAge: a.cfg.Outbox.MaxAge, Log: a.log,
		Up: func(ctx context.Context, domain string) error {
			l, ok := a.links[domain]
			if !ok {
				return fmt.Errorf("no component has the domain %s", domain)
			}
			return l.WaitConnected(ctx)
		},
		HasUsers: func(domain string) bool {
			cfg := a.current.Load().cfg
			return slices.ContainsFunc(cfg.Components, func(c config.Component) bool {
				return c.Domain == domain || slices.ContainsFunc(cfg.HostsBehind(c.Domain), func(h jid.JID) bool { return h.Domain() == domain })
			})
		},
	})
	send.Waiting = a.waiting
}

// makeCorrections makes what paces the corrections of callers.
func (a *App) makeCorrections() {
	a.corrections = corrections.New(corrections.Options{Store: a.store.Corrections(), Send: a.newSender().Send, Record: a.sent.Note, Log: a.log})
}

// onWaited notes the outcome of a message of a caller that has waited for its room. What a
// room refuses is as if the room had answered so.
//
// Killed before it is noted: the message is still stored, and ends again after the restart.
func (a *App) onWaited(s *stanza.Stanza, err error) {
	no, refused := errors.AsType[*rooms.NotJoined](err)
	if errors.Is(err, gateway.ErrExpired) {
		if put := a.store.DeadLetters().Put(context.Background(), &store.DeadLetter{
			Record: store.Record{ID: ulid.Make().String(), Component: s.From.Domain(), Received: time.Now(), Since: time.Now(), Stanza: s.XML()},
			Type:   s.EventType(), From: s.From.String(), To: s.To.String(), Reason: err.Error(), Died: time.Now(),
		}); put != nil {
			a.log.Error("dead letter not stored", zap.String("stanza_id", s.ID), zap.Error(put))
		}
		a.sent.OnEnd(s, err)
		return
	}
	if !refused && !errors.Is(err, waiting.ErrLeft) {
		a.sent.OnEnd(s, err)
		return
	}
	answer := &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: err.Error()}
	if refused && no.Refusal.Condition != "" {
		answer = &stanza.Error{Type: stanza.Cancel, Condition: no.Refusal.Condition, Text: err.Error()}
	}
	back, err := s.ErrorReply(answer, stanza.Limits{})
	if err != nil {
		a.sent.OnEnd(s, err)
		return
	}
	a.sent.Bounces.Return(back)
}
