package waiting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"stanzahook/component/rooms"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

const (
	// refusedFor is how long a refusal counts for further messages, before the next join.
	refusedFor = 10 * time.Second
	// retryPause is between two attempts to send.
	retryPause = time.Second
)

// room is a room that messages of a bot wait for. It ends with the last message.
type room struct {
	all *Messages
	place
	queue []message // the oldest first; guarded by Messages.mu
}

// run joins the room and sends what waits.
func (r *room) run(ctx context.Context) {
	for ctx.Err() == nil {
		one, ok := r.first()
		if !ok {
			return
		}
		deadline := one.Time.Add(r.all.MaxAge)
		enter, cancel := context.WithDeadline(ctx, deadline)
		isRoom, err := r.enter(enter, one.Room)
		cancel()
		switch {
		case ctx.Err() != nil || errors.Is(err, gateway.ErrStopping):
			return
		case err != nil && !time.Now().Before(deadline):
			r.fail(one, fmt.Sprintf("waited for %v: %v", r.all.MaxAge, err))
		case final(err):
			r.failAll(ctx, err.Error())
		case err != nil:
			r.all.repeats.Warn(r.all.Log, "room not entered yet", zap.Stringer("room", r.place.room), zap.Stringer("bot", r.bot), zap.Error(err), zap.String("hint", "the messages that wait for it go on waiting"))
			r.pause(ctx)
		default:
			r.send(ctx, one, isRoom, deadline)
		}
	}
}

// badSettings is an error of room and bot themselves: no other attempt can do better.
type badSettings struct{ error }

// final reports whether an error of enter is an answer: the room has refused the bot, or the
// two can never be joined. All others may go away: the store does not answer, the component has
// as many rooms as it may have, there is no connection.
func final(err error) bool {
	if no, ok := errors.AsType[*rooms.NotJoined](err); ok {
		return no.State == muc.Refused || no.State == muc.Left
	}
	_, ok := errors.AsType[badSettings](err)
	return ok
}

// pause waits until the next attempt.
func (r *room) pause(ctx context.Context) {
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
	}
}

// first returns the oldest message; ok is false if there is none, and the room has ended.
func (r *room) first() (one message, ok bool) {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if len(r.queue) == 0 {
		delete(r.all.rooms, r.place)
		return message{}, false
	}
	return r.queue[0], true
}

// pop takes the oldest message away.
func (r *room) pop(one message) {
	r.all.mu.Lock()
	r.queue = r.queue[1:]
	r.all.mu.Unlock()
	r.all.remove(one.WaitingMessage)
}

// enter waits until the bot is in the room; isRoom is false if the recipient is none, which
// is asked unless it is certain. The error says why it cannot be in it; at the end of ctx, what it waits for.
func (r *room) enter(ctx context.Context, certain bool) (isRoom bool, err error) {
	if v, err := r.all.Rooms.Get(r.place.room, r.bot); err == nil && v.State == muc.Joined {
		return true, nil
	}
	if err := r.all.Up(ctx, r.bot.Domain()); err != nil {
		return true, gateway.ErrDown
	}
	if !certain && !r.all.ask(ctx, r.place) {
		return false, nil
	}
	nick := r.bot.Local()
	if nick == "" {
		nick = r.bot.Domain()
	}
	self, err := r.bot.WithResource(rooms.Resource)
	if err == nil {
		_, err = muc.New(muc.Options{Room: r.place.room, Self: self, Nick: nick}, muc.Mark{})
	}
	if err != nil {
		return true, badSettings{err}
	}
	return true, r.all.Rooms.Join(ctx, rooms.Settings{Room: r.place.room, Bot: r.bot, Nick: nick, History: muc.Missed})
}

// failAll fails all that wait, and what comes within refusedFor.
func (r *room) failAll(ctx context.Context, reason string) {
	r.all.Log.Warn("room not entered", zap.Stringer("room", r.place.room), zap.Stringer("bot", r.bot), zap.String("reason", reason), zap.String("hint", "the messages that wait for it fail; a later message tries again"))
	for until := time.Now().Add(refusedFor); ctx.Err() == nil; {
		for one, ok := r.oldest(); ok; one, ok = r.oldest() {
			r.fail(one, reason)
		}
		if time.Now().After(until) {
			return
		}
		r.pause(ctx)
	}
}

func (r *room) oldest() (one message, ok bool) {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if len(r.queue) == 0 {
		return message{}, false
	}
	return r.queue[0], true
}

// has reports whether a message waits already, of which this is a repetition.
func (r *room) has(id string) bool {
	return slices.ContainsFunc(r.queue, func(m message) bool { return m.stanza.ID == id })
}

func (r *room) fail(one message, reason string) {
	r.all.Failed(one.Owner, one.stanza, reason)
	r.pop(one)
}

// send sends a message, as often as it takes until its deadline.
func (r *room) send(ctx context.Context, one message, isRoom bool, deadline time.Time) {
	s := one.stanza
	if !isRoom {
		h := s.Header
		h.Type = "chat"
		if chat, err := s.With(h, stanza.Limits{MaxBytes: len(one.Stanza) + 1}); err == nil {
			s = chat
		}
	}
	for {
		_, err := r.all.Options.Send(ctx, s, gateway.Sending{Caller: one.Caller, Ref: one.Ref})
		switch {
		case err == nil:
			r.all.remember(one)
			r.pop(one)
			return
		case ctx.Err() != nil:
			return
		case !time.Now().Before(deadline) || !passing(err):
			r.fail(one, err.Error())
			return
		}
		if r.pause(ctx); ctx.Err() != nil {
			return
		}
	}
}

// passing reports whether an error of Options.Send may be gone with the next attempt.
func passing(err error) bool {
	_, often := errors.AsType[*gateway.TooOften](err)
	return often || slices.ContainsFunc([]error{gateway.ErrFull, gateway.ErrBusy, gateway.ErrUnconfirmed, gateway.ErrDown, gateway.ErrSilent, gateway.ErrStopping}, func(one error) bool { return errors.Is(err, one) })
}
