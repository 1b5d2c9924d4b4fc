package muc

import "time"

// timer is something that waits for its time.
type timer int

const (
	joinTimer    timer = iota // the answer to a join
	subjectTimer              // the subject, after the own presence
	retryTimer                // the next attempt
	pingTimer                 // the next self-ping
	pongTimer                 // its answer; from here on they are of IQs
	formTimer                 // the answers of a configuration
	catchTimer                // the answers of disco and of the archive
	timers
)

// alarms are when the timers of a room are due. There are as many as rooms, so they are small.
type alarms struct {
	epoch time.Time                  // the first time that was set
	after [timers]time.Duration      // the epoch; 0: nothing is due
	ids   [timers - pongTimer]string // of the IQs whose answers the timers wait for
}

func (a *alarms) set(t timer, at time.Time) {
	if a.epoch.IsZero() {
		a.epoch = at.Add(-1)
	}
	if a.after[t] = at.Sub(a.epoch); a.after[t] == 0 {
		a.after[t] = 1
	}
}

func (a *alarms) clear(t timer) {
	a.after[t] = 0
	if t >= pongTimer {
		a.ids[t-pongTimer] = ""
	}
}

func (a *alarms) isSet(t timer) bool { return a.after[t] != 0 }

// when returns the time of a timer; zero if it is not set.
func (a *alarms) when(t timer) time.Time {
	if !a.isSet(t) {
		return time.Time{}
	}
	return a.epoch.Add(a.after[t])
}

func (a *alarms) due(t timer, now time.Time) bool { return a.isSet(t) && !now.Before(a.when(t)) }

// id returns the id of the IQ whose answer a timer waits for; empty if it waits for none.
func (a *alarms) id(t timer) string {
	if t < pongTimer {
		return ""
	}
	return a.ids[t-pongTimer]
}

// first returns when the next timer is due; zero if none is set.
func (a *alarms) first() time.Time {
	next := time.Duration(0)
	for _, d := range a.after {
		if d != 0 && (next == 0 || d < next) {
			next = d
		}
	}
	if next == 0 {
		return time.Time{}
	}
	return a.epoch.Add(next)
}
