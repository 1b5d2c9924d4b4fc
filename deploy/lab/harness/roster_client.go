//go:build linux

package harness

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// Contact is one in a roster, as a client or the API has it.
type Contact struct {
	Name         string   `json:"name" xml:"name,attr"`
	Groups       []string `json:"groups" xml:"group"`
	Subscription string   `json:"subscription" xml:"subscription,attr"`
}

func (c Contact) String() string {
	return fmt.Sprintf("%q %q %s", c.Name, slices.Sorted(slices.Values(c.Groups)), c.Subscription)
}

// Contacts is a roster, by address.
type Contacts map[string]Contact

func (c Contacts) String() string {
	var lines []string
	for _, j := range slices.Sorted(maps.Keys(c)) {
		lines = append(lines, j+" "+c[j].String())
	}
	return strings.Join(lines, "; ")
}

// RosterClient is a client that keeps its roster by what the server pushes, as
// RFC 6121 section 2.1.6 has it.
type RosterClient struct {
	User
	Have     Contacts
	Pushes   int
	Presence []lab.Received // of others, since it was last taken
	fences   int
}

type rosterQuery struct {
	Items []struct {
		JID string `xml:"jid,attr"`
		Contact
	} `xml:"item"`
}

// Online logs a user in, who asks for the roster. His own login causes a refresh
// if the configuration says so.
func Online(t testing.TB, s *lab.Server, name string) *RosterClient {
	t.Helper()
	c := &RosterClient{User: Login(t, s, name), Have: make(Contacts)}
	c.Send("<iq type='get' id='the-roster'><query xmlns='jabber:iq:roster'/></iq>")
	c.Apply(c.Await("the roster", func(r lab.Received) bool { return r.ID == "the-roster" }))
	c.Settle()
	c.Pushes, c.Presence = 0, nil
	return c
}

// Apply takes what a result or a push says of contacts.
func (c *RosterClient) Apply(r lab.Received) {
	c.T.Helper()
	var q rosterQuery
	if err := xml.Unmarshal([]byte(r.Inner), &q); err != nil {
		c.T.Fatalf("%s: %s: %v", c.JID(), r.Inner, err)
	}
	for _, i := range q.Items {
		if i.Subscription == "remove" {
			delete(c.Have, i.JID)
			continue
		}
		c.Have[i.JID] = i.Contact
	}
}

// Settle takes everything that the server had sent when it was asked.
func (c *RosterClient) Settle() {
	c.T.Helper()
	c.fences++
	fence := fmt.Sprintf("fence-%d", c.fences)
	c.Send("<iq type='get' id='%s' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", fence)
	for {
		r := c.Await("the end of what the server sends", nil)
		switch {
		case r.ID == fence:
			return
		case r.Kind == "iq" && r.Type == "set" && strings.Contains(r.Inner, "jabber:iq:roster"):
			c.Apply(r)
			c.Pushes++
			c.Send("<iq type='result' id='%s'/>", r.ID)
		case r.Kind == "presence" && !strings.HasPrefix(r.From, BareOf(c.JID())):
			c.Presence = append(c.Presence, r)
		}
	}
}

// TakePushes settles, and returns how many pushes came since the last time.
func (c *RosterClient) TakePushes() int {
	c.T.Helper()
	c.Settle()
	n := c.Pushes
	c.Pushes = 0
	return n
}

// AwaitRoster waits until the client has this roster.
func (c *RosterClient) AwaitRoster(want Contacts) {
	c.T.Helper()
	Eventually(c.T, fmt.Sprintf("%s has %s", c.JID(), want), func() bool {
		c.Settle()
		return c.Have.String() == want.String()
	})
}

// Sees settles, and reports whether presence of this type came from another user
// since it was last asked.
func (c *RosterClient) Sees(other *RosterClient, typ string) bool {
	c.T.Helper()
	c.Settle()
	seen := slices.ContainsFunc(c.Presence, func(r lab.Received) bool {
		return BareOf(r.From) == BareOf(other.JID()) && r.Type == typ
	})
	c.Presence = nil
	return seen
}

func BareOf(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	return bare
}

// SettleAll lets the server come to the end of what it does between these
// clients: what one causes may come to another a little later.
func SettleAll(all ...*RosterClient) {
	for range 2 {
		for _, c := range all {
			c.Settle()
		}
	}
}

// Name is the user's, at the server's host.
func (c *RosterClient) Name() string {
	name, _, _ := strings.Cut(c.JID(), "@")
	return name
}

// ByHand is what a user's own client does with a contact.
func (c *RosterClient) ByHand(item string) {
	c.T.Helper()
	c.fences++
	id := fmt.Sprintf("by-hand-%d", c.fences)
	c.Send("<iq type='set' id='%s'><query xmlns='jabber:iq:roster'><item %s/></query></iq>", id, item)
	if r := c.Await("the answer to a roster set", func(r lab.Received) bool { return r.ID == id }); r.Type != "result" {
		c.T.Fatalf("the server does not take <item %s/>: %+v", item, r)
	}
	c.Settle()
}

func NumberedUsers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("user%d", i))
	}
	return all
}

func (c Contacts) WithoutSubscriptions() string {
	all := make(Contacts)
	for jid, one := range c {
		one.Subscription = ""
		all[jid] = one
	}
	return all.String()
}

// KeptSubscriptions says which subscriptions contacts have that others should.
func (c Contacts) KeptSubscriptions(want Contacts) string {
	var all []string
	for jid, one := range c {
		if one.Subscription != want[jid].Subscription {
			all = append(all, "`"+one.Subscription+"`")
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
