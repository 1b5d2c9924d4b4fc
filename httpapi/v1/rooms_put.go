package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// maxRoomHistory bounds the messages that a first join asks for.
const maxRoomHistory = 1000

// roomAsk is the body of a PUT of a room.
type roomAsk struct {
	From     string
	Nick     *string
	Password string
	History  json.RawMessage // missed, none, or a number
	Create   bool
	Config   map[string]json.RawMessage
}

// put puts a bot into a room. A room that refuses while the caller waits is not kept, unless
// it was before.
//
// Killed while it waits: the room is kept, and joined after the restart.
func (x rooms) put(w http.ResponseWriter, r *http.Request, values url.Values) error {
	wait, err := duration(values, "wait", 0, maxSendWait)
	if err != nil {
		return err
	}
	keep, err := flag(values, "keep")
	if err != nil {
		return err
	}
	var ask roomAsk
	if err := body(w, r, &ask); err != nil {
		return err
	}
	room, err := roomOf(r)
	if err != nil {
		return err
	}
	if from := values.Get("from"); from != "" {
		if ask.From != "" && ask.From != from {
			return wrongf("from: is in the query and in the body, and they differ")
		}
		ask.From = from
	}
	bot, known, err := x.botFor(r, room, ask.From)
	if err != nil {
		return err
	}
	set, err := ask.settings(room, bot)
	if err != nil {
		return err
	}
	switch {
	case known != nil && known.Source == roomOfConfig && ask.onlyNick():
		err = x.all.SetNick(room, bot, set.Nick)
	default:
		set.By = httpapi.IdentityOf(r.Context()).Name
		err = x.all.Keep(r.Context(), set)
	}
	if err != nil {
		return refusedByRoom(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	ctx, release := httpapi.Wait(ctx, httpapi.Needs(gateway.ScopeRooms))
	defer release()
	now, err := x.all.Await(ctx, room, bot)
	switch {
	case err != nil:
		return err
	case httpapi.Lost(ctx) != nil:
		return httpapi.Lost(ctx)
	case wait == 0 || now.State == muc.Joining || now.State == muc.Waiting:
		return answer(w, http.StatusAccepted, newRoom(r, &now))
	case now.State == muc.Joined:
		return answer(w, http.StatusOK, newRoom(r, &now))
	}
	kept := keep || known != nil
	if !kept {
		if err := x.all.Leave(context.WithoutCancel(r.Context()), room, bot, false, ""); err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return err
		}
	}
	return notJoined(now.Refusal, kept)
}

// botFor returns the bot that a PUT is for, and what is known of it in this room: the only
// one in the room, if the caller names none, else the sender as for messages.
func (x rooms) botFor(r *http.Request, room jid.JID, from string) (bot jid.JID, known *Room, err error) {
	if bot, err = botOf(from); err != nil {
		return bot, nil, err
	}
	who := httpapi.IdentityOf(r.Context())
	found, err := x.all.Get(room, bot)
	switch {
	case err == nil:
		bot, known = found.Bot, &found
	case !errors.Is(err, gateway.ErrNotFound):
		return bot, nil, err
	}
	if bot, err = who.Sender(bot, x.domains()); err != nil {
		return bot, nil, httpapi.Refused(err)
	}
	return bot.Bare(), known, nil
}

func (a *roomAsk) onlyNick() bool {
	return a.Nick != nil && a.Password == "" && a.History == nil && !a.Create && a.Config == nil
}

// settings checks the keys of a PUT.
func (a *roomAsk) settings(room, bot jid.JID) (RoomSettings, error) {
	set := RoomSettings{Room: room, Bot: bot, Password: secret.New(a.Password), Create: a.Create, History: muc.Missed}
	if a.Nick != nil {
		set.Nick = *a.Nick
		if _, err := room.WithResource(set.Nick); err != nil || set.Nick == "" {
			return set, wrongf("nick: %q cannot be a nickname; write for example Echo", set.Nick)
		}
	} else if bot.Local() == "" {
		return set, wrongf("from: is missing; write the bot that is to join, such as echo@%s", bot.Domain())
	}
	if stanza.CheckText(a.Password) >= 0 {
		return set, wrongf("password: has a character that no stanza can carry")
	}
	var err error
	if set.History, err = historyOf(a.History); err != nil {
		return set, err
	}
	set.Config, err = variables(a.Config, "config.")
	return set, err
}

func historyOf(v json.RawMessage) (int, error) {
	var word string
	var n int
	switch {
	case v == nil || json.Unmarshal(v, &word) == nil && word == "missed":
		return muc.Missed, nil
	case word == "none":
		return muc.NoHistory, nil
	case word == "" && json.Unmarshal(v, &n) == nil && n >= 0 && n <= maxRoomHistory:
		return n, nil
	}
	return 0, wrongf("history: write \"missed\", \"none\" or a number up to %d", maxRoomHistory)
}

// notJoined is the answer to a caller who waited for a join.
func notJoined(why muc.Refusal, kept bool) error {
	f := &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: "the room was not joined", Members: map[string]any{"condition": optional(why.Condition), "kept": kept}}
	if why.Condition != "" {
		f.Text = fmt.Sprintf("the room refuses the bot: %s", why.Condition)
	}
	if why.Text != "" {
		f.Text += ": " + why.Text
	}
	if advice := why.Advice(); advice != "" {
		f.Text += "; " + advice
	}
	return f
}
