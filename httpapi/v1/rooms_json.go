package v1

import (
	"net/http"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

type roomJSON struct {
	Room        string            `json:"room"`
	From        string            `json:"from"`
	Nick        string            `json:"nick"`
	State       muc.State         `json:"state"`
	Since       time.Time         `json:"since"`
	Condition   *stanza.Condition `json:"condition"` // why it is not joined
	Text        *string           `json:"text"`
	NextAttempt *time.Time        `json:"next_attempt"`
	Affiliation *string           `json:"affiliation"`
	Role        *string           `json:"role"`
	Subject     *string           `json:"subject"`
	Occupants   int               `json:"occupants"`
	Cut         bool              `json:"occupants_cut"`
	Anonymous   bool              `json:"anonymous"`
	IDs         bool              `json:"ids"`
	Archive     bool              `json:"archive"`
	Remark      *string           `json:"remark"`
	Source      string            `json:"source"`
}

// newRoom returns a room as a caller sees it: who may only read what happens does not see
// what people write.
func newRoom(r *http.Request, v *Room) roomJSON {
	room := roomJSON{Room: v.Room.String(), From: v.Bot.String(), Nick: v.Nick, State: v.State, Since: v.Since.UTC(), Condition: optional(v.Refusal.Condition), Text: optional(v.Refusal.Text),
		NextAttempt: moment(v.NextAttempt), Affiliation: optional(v.Affiliation), Role: optional(v.Role), Subject: optional(v.Subject),
		Occupants: v.Occupants, Cut: v.Cut, Anonymous: v.Anonymous, IDs: v.StanzaIDs, Archive: v.Archive, Remark: optional(v.Remark), Source: v.Source}
	if limited(r, gateway.ScopeRooms) && limited(r, gateway.ScopeSend) {
		room.Subject, room.Text = nil, nil
	}
	return room
}

type occupantJSON struct {
	Nick        string  `json:"nick"`
	OccupantID  *string `json:"occupant_id"`
	JID         *string `json:"jid"`         // null: the room hides it, or is not believed
	ClaimedJID  *string `json:"claimed_jid"` // what a room says that is not believed
	Affiliation string  `json:"affiliation"`
	Role        string  `json:"role"`
	Show        *string `json:"show"`
	Status      *string `json:"status"`
	Bot         bool    `json:"bot"`
}
