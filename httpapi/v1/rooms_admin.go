package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/mux"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func (x rooms) config(w http.ResponseWriter, r *http.Request, values url.Values) error {
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), roomTimeout)
	defer cancel()
	form, err := x.all.Configuration(ctx, room.Room, room.Bot)
	if err != nil {
		return refusedByRoom(err)
	}
	return answer(w, http.StatusOK, formJSON(form))
}

func (x rooms) configure(w http.ResponseWriter, r *http.Request, values url.Values) error {
	var ask map[string]json.RawMessage
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if len(ask) == 0 {
		return wrongf(`the body: has no variable; write for example {"roomname": "Ops"}`)
	}
	change, err := variables(ask, "")
	if err != nil {
		return err
	}
	return x.change(w, r, values, func(ctx context.Context, room *Room) (any, error) {
		form, err := x.all.Configure(ctx, room.Room, room.Bot, change)
		return formJSON(form), err
	})
}

// formJSON returns the variables of a form: a text for one value, a list for none or more.
func formJSON(form map[string][]string) map[string]any {
	v := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) == 1 {
			v[name] = values[0]
		} else {
			v[name] = values
		}
	}
	return v
}

// variables reads the variables of a form. Each is a text, a number, true or false, or a
// list of texts.
func variables(ask map[string]json.RawMessage, prefix string) (map[string][]string, error) {
	if ask == nil {
		return nil, nil
	}
	all := make(map[string][]string, len(ask))
	for name, v := range ask {
		var (
			text   string
			yes    bool
			number json.Number
			list   []string
		)
		switch {
		case string(v) == "null":
			return nil, wrongf("%s%s: is null; write a text, a number, true, false or a list of texts", prefix, name)
		case json.Unmarshal(v, &text) == nil:
			list = []string{text}
		case json.Unmarshal(v, &yes) == nil:
			list = []string{map[bool]string{true: "1", false: "0"}[yes]}
		case json.Unmarshal(v, &number) == nil:
			list = []string{number.String()}
		case json.Unmarshal(v, &list) != nil:
			return nil, wrongf("%s%s: is neither a text, a number, true or false, nor a list of texts", prefix, name)
		}
		if stanza.CheckText(name) >= 0 || slices.ContainsFunc(list, func(s string) bool { return stanza.CheckText(s) >= 0 }) {
			return nil, wrongf("%s%q: has a character that no stanza can carry", prefix, name)
		}
		all[name] = list
	}
	return all, nil
}

func (x rooms) invite(w http.ResponseWriter, r *http.Request, values url.Values) error {
	ask := struct{ JID, Reason, How string }{How: "both"}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	user, err := person("jid", ask.JID)
	if err == nil {
		err = checkReason(ask.Reason)
	}
	if err == nil {
		err = oneOf("how", ask.How, "mediated", "direct", "both")
	}
	if err != nil {
		return err
	}
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	if err := x.all.Invite(room.Room, room.Bot, user, ask.Reason, ask.How); err != nil {
		return refusedByRoom(err)
	}
	return answer(w, http.StatusAccepted, map[string]string{"jid": user.String(), "how": ask.How})
}

// person reads the address of somebody who is to be in a room.
func person(name, text string) (jid.JID, error) {
	j, err := jid.Parse(text)
	if err != nil || j.IsZero() || !j.IsBare() {
		return j, wrongf("%s: %q is not a bare address; write for example juliet@example.com", name, text)
	}
	return j, nil
}

func (x rooms) setAffiliation(w http.ResponseWriter, r *http.Request, values url.Values) error {
	var ask struct{ Affiliation, Reason string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	user, err := person("jid", mux.Vars(r)["jid"])
	if err == nil {
		err = oneOf("affiliation", ask.Affiliation, "owner", "admin", "member", "none", "outcast")
	}
	if err == nil {
		err = checkReason(ask.Reason)
	}
	if err != nil {
		return err
	}
	return x.change(w, r, values, func(ctx context.Context, room *Room) (any, error) {
		err := x.all.SetAffiliation(ctx, room.Room, room.Bot, user, ask.Affiliation, ask.Reason)
		return map[string]string{"jid": user.String(), "affiliation": ask.Affiliation}, err
	})
}

func (x rooms) setRole(w http.ResponseWriter, r *http.Request, values url.Values) error {
	var ask struct{ Role, Reason string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	err := oneOf("role", ask.Role, "moderator", "participant", "visitor", "none")
	if err == nil {
		err = checkReason(ask.Reason)
	}
	if err != nil {
		return err
	}
	return x.change(w, r, values, func(ctx context.Context, room *Room) (any, error) {
		nick := mux.Vars(r)["nick"]
		if _, err := room.Room.WithResource(nick); err != nil {
			return nil, wrongf("nick: %q cannot be a nickname", nick)
		}
		err := x.all.SetRole(ctx, room.Room, room.Bot, nick, ask.Role, ask.Reason)
		return map[string]string{"nick": nick, "role": ask.Role}, err
	})
}
