package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stanzahook/deploy/lab"
)

// befriend: web application → stanzahook → server → user's client.
func (s *stage) befriend(ctx context.Context) error {
	s.out.begin("Rosters: a web application changes %s's contacts …", userName)
	before, err := s.showRoster(ctx)
	if err != nil {
		return err
	}
	if len(before) > 0 {
		return errors.New("the roster should have been empty")
	}
	contacts := s.contactJSON(friendName, "John")
	if err := s.setContacts(ctx, userName, contacts); err != nil {
		return err
	}
	if err := s.setContacts(ctx, friendName, s.contactJSON(userName, "Alice")); err != nil {
		return err
	}
	s.out.note("In the web application %s and %s become friends. What it says of %[1]s is now:", userName, friendName)
	s.out.note("  %s", contacts)
	s.out.note("It tells stanzahook whose contacts have changed:")
	status, answer, err := s.post(ctx, refreshPath, "application/json", refreshJSON)
	if err != nil {
		return err
	}
	var done struct{ Updated, Errors int }
	if err := json.Unmarshal([]byte(answer), &done); err != nil || status != http.StatusOK || done.Updated != 2 || done.Errors != 0 {
		return errors.New("two rosters should have been updated, with status 200")
	}
	s.out.note("(stanzahook asks the web application for both, and gives the server what is new)")
	want := rosterItem{JID: friendName + "@" + s.server.Host(), Name: "John", Subscription: "both", Groups: []string{"Friends"}}
	push, err := s.client.Next(ctx, func(r lab.Received) bool {
		item, ok := readPush(r)
		return ok && item.same(want)
	})
	if err != nil {
		return fmt.Errorf("the client was not told of the new contact: %w", err)
	}
	if err := s.acknowledge(push); err != nil {
		return err
	}
	s.out.note("At once %s's client is told: %s", userName, want)
	after, err := s.showRoster(ctx)
	if err != nil {
		return err
	}
	if len(after) != 1 || !after[0].same(want) {
		return fmt.Errorf("the roster should have been: %s", want)
	}
	return nil
}

// setContacts changes a user's contacts in the web application.
func (s *stage) setContacts(ctx context.Context, user, contacts string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.contactsURL+user, strings.NewReader(contacts))
	if err != nil {
		return err
	}
	status, answer, err := do(req)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("PUT %s: %d %s: %s", req.URL, status, http.StatusText(status), answer)
	}
	return err
}

// contactJSON is one contact as the web application has it.
func (s *stage) contactJSON(user, name string) string {
	return fmt.Sprintf(`{"%s@%s": {"name": "%s", "groups": ["Friends"]}}`, user, s.server.Host(), name)
}

const (
	refreshPath = "/roster_admin/refresh"
	refreshJSON = `["` + userName + `", "` + friendName + `"]`
)

// showRoster is roster, told.
func (s *stage) showRoster(ctx context.Context) ([]rosterItem, error) {
	items, err := s.roster(ctx)
	if err != nil {
		return nil, err
	}
	s.out.note("%s's roster, as her client gets it from the server:", userName)
	for _, item := range items {
		s.out.note("  %s", item)
	}
	if len(items) == 0 {
		s.out.note("  nobody")
	}
	return items, nil
}

// roster is the user's roster, as the server gives it to her client.
func (s *stage) roster(ctx context.Context) ([]rosterItem, error) {
	const id = "demo-roster"
	if err := s.client.SendRaw("<iq type='get' id='" + id + "'><query xmlns='jabber:iq:roster'/></iq>"); err != nil {
		return nil, err
	}
	r, err := s.client.Next(ctx, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
	if err != nil {
		return nil, fmt.Errorf("the roster did not come: %w", err)
	}
	items, ok := readRoster(r)
	if !ok || r.Type != "result" {
		return nil, fmt.Errorf("this is no roster: %s %s", r.Type, r.Inner)
	}
	return items, nil
}

// rosterItem is a contact (RFC 6121 section 2.1.2).
type rosterItem struct {
	JID          string   `xml:"jid,attr"`
	Name         string   `xml:"name,attr"`
	Subscription string   `xml:"subscription,attr"`
	Groups       []string `xml:"group"`
}

func (i rosterItem) same(other rosterItem) bool {
	return i.JID == other.JID && i.Name == other.Name && i.Subscription == other.Subscription && slices.Equal(i.Groups, other.Groups)
}

func (i rosterItem) String() string {
	if i.Subscription == "remove" {
		return i.JID + " is no contact any more"
	}
	return fmt.Sprintf("%s is a contact, with the name %q, groups %q, subscription %s", i.JID, i.Name, i.Groups, i.Subscription)
}

// readRoster reads the roster in a stanza. ok is false if there is none.
func readRoster(r lab.Received) (items []rosterItem, ok bool) {
	var query struct {
		XMLName xml.Name     `xml:"jabber:iq:roster query"`
		Items   []rosterItem `xml:"item"`
	}
	if r.Kind != "iq" || xml.Unmarshal([]byte(r.Inner), &query) != nil {
		return nil, false
	}
	return query.Items, true
}

// readPush reads what the server says of one contact when it changes (RFC 6121
// section 2.1.6).
func readPush(r lab.Received) (item rosterItem, ok bool) {
	items, ok := readRoster(r)
	if !ok || r.Type != "set" || len(items) != 1 {
		return rosterItem{}, false
	}
	return items[0], true
}

// acknowledge answers a push.
func (s *stage) acknowledge(push lab.Received) error {
	var b strings.Builder
	b.WriteString("<iq type='result' id='")
	_ = xml.EscapeText(&b, []byte(push.ID)) // a strings.Builder takes everything
	b.WriteString("'/>")
	return s.client.SendRaw(b.String())
}
