//go:build integration

package main

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// contact is one in a roster, as a client or the API has it.
type contact struct {
	Name         string   `json:"name" xml:"name,attr"`
	Groups       []string `json:"groups" xml:"group"`
	Subscription string   `json:"subscription" xml:"subscription,attr"`
}

func (c contact) String() string {
	return fmt.Sprintf("%q %q %s", c.Name, slices.Sorted(slices.Values(c.Groups)), c.Subscription)
}

// contacts is a roster, by address.
type contacts map[string]contact

func (c contacts) String() string {
	var lines []string
	for _, j := range slices.Sorted(maps.Keys(c)) {
		lines = append(lines, j+" "+c[j].String())
	}
	return strings.Join(lines, "; ")
}

// rosterClient is a client that keeps its roster by what the server pushes, as
// RFC 6121 section 2.1.6 has it.
type rosterClient struct {
	user
	have     contacts
	pushes   int
	presence []lab.Received // of others, since it was last taken
	fences   int
}

type rosterQuery struct {
	Items []struct {
		JID string `xml:"jid,attr"`
		contact
	} `xml:"item"`
}

// online logs a user in, who asks for the roster. His own login causes a refresh
// if the configuration says so.
func online(t *testing.T, s *lab.Server, name string) *rosterClient {
	t.Helper()
	c := &rosterClient{user: login(t, s, name), have: make(contacts)}
	c.send("<iq type='get' id='the-roster'><query xmlns='jabber:iq:roster'/></iq>")
	c.apply(c.next("the roster", func(r lab.Received) bool { return r.ID == "the-roster" }))
	c.settle()
	c.pushes, c.presence = 0, nil
	return c
}

// apply takes what a result or a push says of contacts.
func (c *rosterClient) apply(r lab.Received) {
	c.t.Helper()
	var q rosterQuery
	if err := xml.Unmarshal([]byte(r.Inner), &q); err != nil {
		c.t.Fatalf("%s: %s: %v", c.JID(), r.Inner, err)
	}
	for _, i := range q.Items {
		if i.Subscription == "remove" {
			delete(c.have, i.JID)
			continue
		}
		c.have[i.JID] = i.contact
	}
}

// settle takes everything that the server had sent when it was asked.
func (c *rosterClient) settle() {
	c.t.Helper()
	c.fences++
	fence := fmt.Sprintf("fence-%d", c.fences)
	c.send("<iq type='get' id='%s' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", fence)
	for {
		r := c.next("the end of what the server sends", nil)
		switch {
		case r.ID == fence:
			return
		case r.Kind == "iq" && r.Type == "set" && strings.Contains(r.Inner, "jabber:iq:roster"):
			c.apply(r)
			c.pushes++
			c.send("<iq type='result' id='%s'/>", r.ID)
		case r.Kind == "presence" && !strings.HasPrefix(r.From, bareOf(c.JID())):
			c.presence = append(c.presence, r)
		}
	}
}

// takePushes settles, and returns how many pushes came since the last time.
func (c *rosterClient) takePushes() int {
	c.t.Helper()
	c.settle()
	n := c.pushes
	c.pushes = 0
	return n
}

// awaitRoster waits until the client has this roster.
func (c *rosterClient) awaitRoster(want contacts) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%s has %s", c.JID(), want), func() bool {
		c.settle()
		return c.have.String() == want.String()
	})
}

// sees settles, and reports whether presence of this type came from another user
// since it was last asked.
func (c *rosterClient) sees(other *rosterClient, typ string) bool {
	c.t.Helper()
	c.settle()
	seen := slices.ContainsFunc(c.presence, func(r lab.Received) bool {
		return bareOf(r.From) == bareOf(other.JID()) && r.Type == typ
	})
	c.presence = nil
	return seen
}

func bareOf(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	return bare
}

// settleAll lets the server come to the end of what it does between these
// clients: what one causes may come to another a little later.
func settleAll(all ...*rosterClient) {
	for range 2 {
		for _, c := range all {
			c.settle()
		}
	}
}

// name is the user's, at the server's host.
func (c *rosterClient) name() string {
	name, _, _ := strings.Cut(c.JID(), "@")
	return name
}
