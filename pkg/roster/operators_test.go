package roster

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// named is a backend that does nothing.
type named struct {
	Backend
	name string
}

func (n named) Name() string { return n.name }

// What operators are told of the last choice.
func TestChosen(t *testing.T) {
	grants := Grants{Connected: true, Connection: 1, Roster: "both"}
	b := &Backends{Host: "example.com", Privilege: named{name: "privilege"}, Grants: func(context.Context) Grants { return grants }, Log: zap.NewNop()}
	if c := b.Chosen(); c != (Chosen{}) {
		t.Errorf("before anything: %+v", c)
	}
	owner := jid.MustParse("john@example.com")
	if _, err := b.Choose(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if c := b.Chosen(); c != (Chosen{"privilege", "the server grants it"}) {
		t.Errorf("%+v", c)
	}
	grants = Grants{}
	if _, err := b.Choose(t.Context(), owner); !errors.Is(err, gateway.ErrDown) {
		t.Fatal(err)
	}
	if c := b.Chosen(); c != (Chosen{"", gateway.ErrDown.Error()}) {
		t.Errorf("%+v", c)
	}
}

func TestCountersByResult(t *testing.T) {
	var c Counters
	c.count(Applied)
	c.count(Applied)
	c.count(Timeout)
	c.count("") // broken off
	all := c.All()
	if len(all) != 8 || all[Applied] != 2 || all[Timeout] != 1 || all[Unchanged] != 0 {
		t.Errorf("%v", all)
	}
}

// A job counts all, and keeps those that somebody has to look at.
func TestJobKeepsWhatIsWrong(t *testing.T) {
	r := &Running{}
	owner := jid.MustParse("john@example.com")
	add := func(n int, result Result) {
		for range n {
			r.add(Outcome{owner, result, "x"})
		}
	}
	add(10, Forbidden)
	add(maxResults-10, Unchanged)
	add(maxResults, Timeout)
	add(5, Applied)
	j := r.Snapshot()
	kept := make(map[Result]int)
	for _, one := range j.Results {
		kept[one.Result]++
	}
	if j.Done != 2*maxResults+5 || j.Errors != maxResults+10 || j.LeftOut != maxResults+5 || kept[Forbidden] != 10 || kept[Timeout] != maxResults-10 {
		t.Errorf("%d done, %d errors, %d left out, kept %v", j.Done, j.Errors, j.LeftOut, kept)
	}
}
