package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"stanzahook/pkg/message"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// maxHistoryPage bounds one page of an archive; more of them may be more than the component
// takes of one query.
const maxHistoryPage = 100

// RoomPage says which messages of a room's archive are wanted.
type RoomPage struct {
	Before, After string // ids of the archive; both empty: the newest
	Start, End    time.Time
	Max           int
}

// RoomMessage is a message of a room's archive.
type RoomMessage struct {
	ID     string // of the archive
	Time   time.Time
	Stanza *stanza.Stanza // to the bare bot
	Ref    message.Ref
}

// history answers with messages of a room's archive, the newest first.
func (x rooms) history(w http.ResponseWriter, r *http.Request, values url.Values) (err error) {
	page := RoomPage{Before: values.Get("before"), After: values.Get("after")}
	if page.Before != "" && page.After != "" {
		return wrongf("before: goes without after; write one of them")
	}
	if stanza.CheckText(page.Before+page.After) >= 0 {
		return wrongf("before, after: has a character that no stanza can carry")
	}
	if page.Max, err = number(values, "limit", defaultLimit, maxHistoryPage); err != nil {
		return err
	}
	if page.Start, err = x.moment(values, "start"); err != nil {
		return err
	}
	if page.End, err = x.moment(values, "end"); err != nil {
		return err
	}
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), roomTimeout)
	defer cancel()
	list, more, err := x.all.History(ctx, room.Room, room.Bot, page)
	if err != nil {
		return refusedByRoom(err)
	}
	slices.Reverse(list)
	next := ""
	if more && len(list) > 0 {
		next = list[len(list)-1].ID // for before
		if page.After != "" {
			next = list[0].ID
		}
	}
	items := make([]json.RawMessage, len(list))
	for i := range list {
		items[i] = list[i].json(room.Nick)
	}
	return answer(w, http.StatusOK, newPage(items, next))
}

// json returns the message with the keys of messages, and what the archive knows.
func (m *RoomMessage) json(ownNick string) json.RawMessage {
	type inRoom struct {
		JID  string  `json:"jid"`
		Nick *string `json:"nick"` // null: the room itself
		Own  bool    `json:"own"`  // of the nick that the bot has now
	}
	nick := m.Stanza.From.Resource()
	known, err := json.Marshal(struct {
		ArchiveID string    `json:"archive_id"`
		Time      time.Time `json:"time"`
		Ref       *string   `json:"ref"`
		Text      *string   `json:"text"`
		Room      inRoom    `json:"room"`
	}{m.ID, m.Time.UTC(), optional(m.Ref.String()), m.text(), inRoom{m.Stanza.From.Bare().String(), optional(nick), nick == ownNick}})
	if err != nil {
		return nil // there is nothing that cannot be written
	}
	all := restjson.Append(nil, m.Stanza)
	return append(append(all[:len(all)-1], ','), known[1:]...)
}

// text is what somebody wrote; null if that is nothing.
func (m *RoomMessage) text() *string {
	f := message.Read(m.Stanza)
	if !f.HasBody() {
		return nil
	}
	text := f.Text(m.Stanza)
	return &text
}
