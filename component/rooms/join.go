package rooms

import (
	"context"
	"errors"
	"fmt"

	"stanzahook/pkg/muc"
)

// NotJoined is the error of Join: the room has refused the bot (the state is muc.Refused), or
// has not let it in until the end of the wait.
type NotJoined struct {
	View
	Kept bool // the room is kept: a reload, a restart or another call tries again
}

func (e *NotJoined) Error() string {
	text := fmt.Sprintf("the room %s is not joined yet", e.Room)
	if e.State == muc.Refused || e.State == muc.Left {
		text = fmt.Sprintf("the room %s refuses the bot", e.Room)
	}
	if e.Refusal.Condition != "" {
		text += ": " + string(e.Refusal.Condition)
	}
	if e.Refusal.Text != "" {
		text += ": " + e.Refusal.Text
	}
	return text
}

// Join puts a bot into a room, unless it is in it, and returns when what it says is heard
// there. A room that was not kept is kept from then on, as by Keep with set; of one that is
// kept, set counts only for room and bot, and a room that had refused is tried again. A room
// that was not kept and refuses is not kept.
//
// ctx bounds the wait. At its end the room is kept, and the join goes on.
//
// Killed while it waits: the room is kept, and joined after the restart.
//
// Errors: *NotJoined; those of Keep but ErrConfigured.
func (r *Rooms) Join(ctx context.Context, set Settings) error {
	s, err := r.find(set.Room, set.Bot)
	made := errors.Is(err, ErrNone)
	switch {
	case made:
		if s, err = r.keep(ctx, set); err != nil {
			return err
		}
	case err != nil:
		return err
	case s.stateNow() == muc.Joined:
		return nil
	default:
		s.retry(false)
	}
	v := s.await(ctx)
	switch v.State {
	case muc.Joined:
		return nil
	case muc.Refused:
		if made {
			r.drop(context.WithoutCancel(ctx), s, "")
		}
	}
	return &NotJoined{v, !made || v.State != muc.Refused}
}
