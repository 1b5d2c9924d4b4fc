package roster

import (
	"testing"

	"stanzahook/pkg/jid"
)

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

// A job counts all results, and keeps those that are not as wanted.
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
