package rooms

import "time"

// pace says how many joins of one service may be under way.
//
// A server that does one thing after the other, as Prosody does, is not sooner through with
// more of them: they only wait for each other, and everybody else's messages wait behind them.
// So the time that a join takes is compared with the least that one has taken: what is more is
// the time that it has waited. While that is little, more may be under way, also where a server
// is far away or does many things at once; where it is much, fewer.
type pace struct {
	limit float64
	least time.Duration // that a join has taken; 0: none has
	found bool          // the limit was too high once: from now on it grows slowly
}

const (
	firstJoins = 4
	fewJoins   = 2
	maxJoins   = 100
	// joinQueue is how long a join may wait for others. Somebody's message waits about as long,
	// and the bot's answer once more.
	joinQueue = 8 * time.Millisecond
)

func newPace() pace { return pace{limit: firstJoins} }

// joins returns how many may be under way.
func (p *pace) joins() int { return int(p.limit) }

// took notes how long a join has taken.
func (p *pace) took(d time.Duration) {
	if p.least == 0 || d < p.least {
		p.least = d
	}
	switch {
	case d-p.least > max(joinQueue, p.least/2):
		p.found = true
		p.limit = max(fewJoins, p.limit-0.5) // half as many after a round of them
	case p.found:
		p.limit = min(maxJoins, p.limit+1/p.limit) // one more after a round
	default:
		p.limit = min(maxJoins, p.limit+1) // twice as many after a round
	}
}
