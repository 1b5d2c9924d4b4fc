package hooks

import (
	"fmt"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// A hook that sends a lot does not cost others what is known of their messages.
func TestSharesOfMessages(t *testing.T) {
	s := new(Statuses)
	s.of(&Hook{Name: "quiet"})
	s.of(&Hook{Name: "loud"})
	message := func(id string) *stanza.Stanza {
		m, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: "error", From: jid.MustParse("juliet@example.com"), To: jid.MustParse("juliet@example.com"), ID: id}, "", stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s.expect("quiet", message("mine"))
	for i := range 2 * maxMessages {
		s.expect("loud", message(fmt.Sprint(i)))
	}
	if name, ok := s.Bounced(message("mine")); name != "quiet" || !ok {
		t.Errorf("%q, %v", name, ok)
	}
	if name, ok := s.Bounced(message(fmt.Sprint(2*maxMessages - 1))); name != "loud" || !ok {
		t.Errorf("%q, %v", name, ok)
	}
	if name, ok := s.Bounced(message("0")); ok {
		t.Errorf("%q has all of its messages", name)
	}
}

// The table is full of the entries of whoever has the most, the newest of them.
func TestShared(t *testing.T) {
	s := newShared[string, int](10)
	for i := range 30 {
		s.add("a", fmt.Sprint("a", i), i)
	}
	for i := range 3 {
		s.add("b", fmt.Sprint("b", i), i)
		s.add("b", fmt.Sprint("b", i), i) // the same is one
	}
	for i := range 4 {
		s.add(fmt.Sprint("c", i), fmt.Sprint("c", i), i)
	}
	var have []string
	for _, key := range []string{"a26", "a27", "a28", "a29", "b0", "b1", "b2", "c0", "c1", "c2", "c3"} {
		if _, ok := s.get(key); ok {
			have = append(have, key)
		}
	}
	if got := fmt.Sprint(have); got != "[a27 a28 a29 b0 b1 b2 c0 c1 c2 c3]" || len(s.all) != 10 {
		t.Errorf("%v of %d", got, len(s.all))
	}
	for key := range s.all {
		s.remove(key)
	}
	if s.remove("none"); len(s.all)+len(s.of) != 0 {
		t.Errorf("%v %v", s.all, s.of)
	}
}
