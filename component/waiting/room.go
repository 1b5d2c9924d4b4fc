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
	"stanzahook/pkg/store"
)

const (
	// refusedFor is how long a refusal counts for further messages of hooks, before the next join.
	refusedFor = 10 * time.Second
	// retryPause is between two attempts to send.
	retryPause = time.Second
	// maxBreaks is how many connections may end while a message is on its way, until it counts
	// as the cause.
	maxBreaks = 10
	// A room may have so much that waits.
	maxRoomMessages = store.MaxWaiting / 4
	maxRoomBytes    = maxAnswers / 4
)

// room is a room that messages of a bot wait for. It ends with the last message.
type room struct {
	all *Messages
	place
	queue []*message // in the order in which they were given; guarded by Messages.mu, as bytes
	bytes int
}

// isFull reports whether another message is more than the room's share.
func (r *room) isFull(one *message) bool {
	return len(r.queue) >= maxRoomMessages || r.bytes+len(one.stanza.XML()) > maxRoomBytes
}

// run joins the room and sends what waits.
func (r *room) run(ctx context.Context) {
	for ctx.Err() == nil {
		one, stored, ok := r.first()
		switch {
		case !ok:
			return
		case stored != nil:
			select {
			case <-stored:
			case <-ctx.Done():
			}
			continue
		case one.flight != nil:
			r.land(ctx, one)
			continue
		}
		deadline := one.Time.Add(r.all.MaxAge)
		enter, cancel := context.WithDeadline(ctx, deadline)
		isRoom, err := r.enter(enter, one)
		cancel()
		switch {
		case ctx.Err() != nil || errors.Is(err, gateway.ErrStopping):
			return
		case err != nil && !time.Now().Before(deadline):
			r.finish(one, &expired{r.all.MaxAge, err})
		case final(err):
			r.failAll(ctx, err)
		case err != nil:
			r.all.repeats.Warn(r.all.Log, "room not entered yet", zap.Stringer("room", r.place.room), zap.Stringer("bot", r.bot), zap.Error(err), zap.String("hint", "the messages that wait for it go on waiting"))
			r.pause(ctx)
		default:
			r.send(ctx, one, isRoom, deadline)
		}
	}
}

// land waits for the end of a message that was on its way before it began to wait.
func (r *room) land(ctx context.Context, one *message) {
	select {
	case <-one.flight.done:
	case <-ctx.Done():
		return
	}
	if err := one.flight.err; !errors.Is(err, errLost) {
		r.finish(one, err)
	}
	one.flight = nil
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
	return ok || errors.Is(err, ErrLeft)
}

// pause waits until the next attempt.
func (r *room) pause(ctx context.Context) {
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
	}
}

// first returns the oldest message, and the channel that is closed when it is stored, if it is
// being stored; ok is false if there is none, and the room has ended.
func (r *room) first() (one *message, stored chan struct{}, ok bool) {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if len(r.queue) == 0 {
		delete(r.all.rooms, r.place)
		return nil, nil, false
	}
	return r.queue[0], r.queue[0].stored, true
}

// finish ends a message: err is nil if the server has it.
func (r *room) finish(one *message, err error) {
	switch {
	case one.answer != nil:
		if err != nil {
			r.all.Log.Warn("answer to a room not sent", zap.Stringer("room", r.place.room), zap.Stringer("bot", r.bot), zap.String("stanza_id", one.stanza.ID), zap.Error(err))
		}
		if !errors.Is(err, gateway.ErrRejected) {
			err = nil // there is no other try: the event is over
		}
		one.answer(err)
	case !one.ofHook():
		r.all.Ended(one.stanza, err)
	case err != nil:
		r.all.Failed(one.Owner, one.stanza, err.Error())
	}
	r.all.mu.Lock()
	r.all.dequeue(one)
	r.all.mu.Unlock()
	if one.Seq != 0 { // it is on disk
		r.all.remove(one.WaitingMessage)
	}
}

// enter waits until the bot is in the room; isRoom is false if the recipient is none, which
// is asked for hooks unless it is certain. The error says why it cannot be in it; at the end of
// ctx, what it waits for.
func (r *room) enter(ctx context.Context, one *message) (isRoom bool, err error) {
	if v, err := r.all.Rooms.Get(r.place.room, r.bot); err == nil && v.State == muc.Joined {
		return true, nil
	}
	if !one.ofHook() {
		v, err := r.all.Rooms.Await(ctx, r.place.room, r.bot)
		switch {
		case err != nil || v.State == muc.Left:
			return true, ErrLeft
		case v.State == muc.Joined:
			return true, nil
		}
		return true, &rooms.NotJoined{View: v, Kept: true}
	}
	if err := r.all.Up(ctx, r.bot.Domain()); err != nil {
		return true, gateway.ErrDown
	}
	if !one.Room && !r.all.ask(ctx, r.place) {
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

// failAll fails all that wait, and where hooks send to the room, what comes within refusedFor.
func (r *room) failAll(ctx context.Context, reason error) {
	r.all.Log.Warn("room not entered", zap.Stringer("room", r.place.room), zap.Stringer("bot", r.bot), zap.String("reason", reason.Error()), zap.String("hint", "the messages that wait for it fail; a later message tries again"))
	until := time.Now()
	for ctx.Err() == nil {
		for one := r.oldest(); one != nil; one = r.oldest() {
			if one.ofHook() {
				until = time.Now().Add(refusedFor)
			}
			r.finish(one, reason)
		}
		if v, err := r.all.Rooms.Get(r.place.room, r.bot); !time.Now().Before(until) || err == nil && v.State == muc.Joined {
			return
		}
		r.pause(ctx)
	}
}

// oldest returns the oldest message that is not being stored; nil if there is none.
func (r *room) oldest() *message {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if len(r.queue) == 0 || r.queue[0].stored != nil {
		return nil
	}
	return r.queue[0]
}

// has reports whether a message of a hook waits already, of which this is a repetition.
func (r *room) has(id string) bool {
	return slices.ContainsFunc(r.queue, func(m *message) bool { return m.ofHook() && m.stanza.ID == id })
}

// send sends a message, as often as it takes until its deadline, or until the bot is not in
// the room any more.
func (r *room) send(ctx context.Context, one *message, isRoom bool, deadline time.Time) {
	s := one.stanza
	if !isRoom {
		h := s.Header
		h.Type = "chat"
		if chat, err := s.With(h, stanza.Limits{MaxBytes: len(one.Stanza) + 1}); err == nil {
			s = chat
		}
	}
	for {
		err := r.give(ctx, one, s)
		lost := errors.Is(err, errLost)
		if lost {
			one.breaks++
		}
		switch {
		case err == nil:
			if one.ofHook() {
				r.all.remember(one)
			}
			r.finish(one, nil)
			return
		case ctx.Err() != nil:
			return
		case lost && one.breaks >= maxBreaks:
			r.finish(one, fmt.Errorf("%w: %d connections have ended while it was on its way", gateway.ErrRejected, one.breaks))
			return
		case !time.Now().Before(deadline):
			r.finish(one, &expired{r.all.MaxAge, err})
			return
		case !passing(err):
			r.finish(one, err)
			return
		case lost:
			return
		}
		r.pause(ctx)
		if v, err := r.all.Rooms.Get(r.place.room, r.bot); ctx.Err() != nil || isRoom && (err != nil || v.State != muc.Joined) {
			return
		}
	}
}

// give sends a message once.
func (r *room) give(ctx context.Context, one *message, s *stanza.Stanza) (err error) {
	if one.ofHook() {
		_, err = r.all.Options.Send(ctx, s, gateway.Sending{Caller: one.Caller, Ref: one.Ref})
	} else {
		_, err = r.all.Depart(ctx, s)
	}
	return err
}

// passing reports whether an error of Options.Send may be gone with the next attempt.
func passing(err error) bool {
	_, often := errors.AsType[*gateway.TooOften](err)
	return often || slices.ContainsFunc([]error{gateway.ErrFull, gateway.ErrBusy, gateway.ErrUnconfirmed, gateway.ErrDown, gateway.ErrSilent, gateway.ErrStopping}, func(one error) bool { return errors.Is(err, one) })
}
