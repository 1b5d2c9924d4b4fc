package replica

import (
	"fmt"
	"time"
)

const (
	beats = 8 // within the failover time
	// Numbers of beats.
	closeTo  = 3   // between two beats of ours that come back, when nothing is missed in between
	backOff  = 2   // between a request without an answer and the next
	again    = 4   // between two looks at the record
	hurry    = 2   // the same, while another replica is missed
	steadily = 7   // that are heard again before a record shows that nothing has happened: closeTo until others hear them, and what a request takes that was begun before
	asNew    = 16  // within which a process ends if another one has its name
	echoes   = 256 // of ours that are known when they come back

	maxKnown   = 64          // replicas that are known
	listed     = time.Hour   // for which a silent one is listed
	lately     = time.Minute // within which another one was heard that may have taken over
	leaderless = 5           // failover times of doubt after which a role ends: longer than servers need to elect a leader
)

// inTime is how long the way from the beginning of a takeover to the first beat as the active one may be.
// Others know the record from then on, and take over when it is as old as the failover
// time: they have to hear the beat before, which takes up to closeTo beats of those who may take over.
func (s *state) inTime() time.Duration { return s.failover/2 + s.beat()/2 }

// state is what a replica knows. It has no goroutine and no clock: who calls it says what
// time it is, and does what it asks for.
type state struct {
	failover time.Duration
	about    About
	instance string
	began    time.Time

	epoch    uint64    // by which we are active; 0: we are not
	released bool      // nothing is wanted any more
	lost     string    // why we are not active any more
	sure     bool      // active: nobody can have taken over
	trying   time.Time // when the last takeover began
	told     time.Time // active: when we said so last, in a beat that came back; before that: trying
	proven   time.Time // active: since when the record was ours, as far as more than half of the servers have said
	doubted  time.Time // since when that is too long ago
	suspect  string    // active: why the role may be another one's, until the record tells
	before   uint64    // the last beat that was sent as a standby
	reason   string    // why we have taken over
	read     bool      // the record was read
	known    uint64    // its revision, as far as we know; 0: there is none
	free     bool      // nobody holds it
	holder   About     // who holds it
	format   int       // of the record
	quiet    time.Time // since when its holder is silent, while we hear ourselves
	resumed  time.Time // since when we hear ourselves
	serves   bool      // active: we answer requests
	serving  bool      // its holder does, as it has said last
	signs    uint64    // how often it has said so
	term     uint64    // counts those that were active, as far as their requests can still be answered

	sent    [echoes]time.Time // when our beats were sent, by their numbers
	n       uint64            // beats that were sent
	echo    uint64            // the last one that came back
	echoed  time.Time         // when that was sent
	asking  bool              // a request is under way
	asked   time.Time         // when the last request began
	failed  bool              // it had no answer
	checked bool              // somebody wants the record to be read
	linked  time.Time         // when another connection was made last

	others map[string]*other // by instance
	named  int               // beats of another process that has our name, and had it before us
}

// other is another replica.
type other struct {
	about About
	state string
	epoch uint64
	heard time.Time
}

func newState(failover time.Duration, about About, instance string, now time.Time) *state {
	return &state{failover: failover, about: about, instance: instance, began: now, quiet: now, linked: now, others: make(map[string]*other)}
}

func (s *state) beat() time.Duration { return s.failover / beats }

// next returns the next beat.
func (s *state) next(now time.Time) beat {
	s.n++
	s.sent[s.n%echoes] = now
	b := beat{About: s.about, Instance: s.instance, N: s.n, UptimeMS: now.Sub(s.began).Milliseconds(), State: Standby, Epoch: s.epoch, Serving: s.epoch > 0 && s.serves}
	if s.epoch > 0 {
		b.State = Active
	}
	return b
}

// hears reports whether we hear ourselves: what others say is heard as well then.
func (s *state) hears(now time.Time) bool { return s.echo > 0 && now.Sub(s.echoed) <= closeTo*s.beat() }

// holds reports whether the active replica may begin something.
func (s *state) holds(now time.Time) bool {
	return s.epoch > 0 && !s.released && s.lost == "" && s.sure && now.Sub(s.told) < s.failover*4/5 && !s.doubtful(now)
}

// missed reports whether another replica was heard lately, and is not for some time: it may be one that
// does not hear us either, and takes over.
func (s *state) missed(now time.Time, least time.Duration) bool {
	for _, o := range s.others {
		if silent := now.Sub(o.heard); silent >= least && silent < lately {
			return true
		}
	}
	return false
}

// needsProof reports whether an active replica has to be told that the record is ours by more than half
// of the servers: soon enough to have that before the other one may take over.
func (s *state) needsProof(now time.Time) bool {
	return s.epoch > 0 && (s.suspect != "" || s.missed(now, closeTo*s.beat()))
}

// doubtful reports whether an active replica that hears itself may be on the smaller side of a split
// NATS: another one is missed, and there was no proof lately that the record is ours.
func (s *state) doubtful(now time.Time) bool {
	return now.Sub(s.proven) >= s.failover*4/5 && s.missed(now, s.failover*4/5)
}

// proved notes that a look which began at a time was one at the record as it is.
func (s *state) proved(revision uint64, began time.Time) {
	if s.epoch > 0 && s.lost == "" && revision == s.epoch {
		s.proven, s.suspect = began, ""
	}
}

// hear notes a beat.
func (s *state) hear(b *beat, now time.Time) {
	if b.Instance == s.instance {
		s.hearOwn(b.N, now)
		return
	}
	s.note(b, now)
	switch {
	case b.State == ended && b.Epoch > 0 && b.Epoch >= s.known && s.epoch == 0:
		s.known, s.free, s.read, s.serving = b.Epoch, true, true, false
	case b.State == Active && b.Epoch > s.known, b.State == Active && b.Epoch == s.known && !s.free:
		s.held(b.Epoch, b.About, now)
		s.serve(b.Serving)
	}
}

// hearOwn notes a beat of ours.
func (s *state) hearOwn(n uint64, now time.Time) {
	if n <= s.echo || n > s.n || s.n-n >= echoes {
		return
	}
	if s.epoch > 0 {
		s.mind(now) // the time without any has to be seen before it ends
	}
	at := s.sent[n%echoes]
	if s.echo == 0 || at.Sub(s.echoed) > closeTo*s.beat() { // what others said meanwhile was not heard
		s.quiet, s.resumed = now, now
	}
	s.echo, s.echoed = n, at
	if s.epoch > 0 && n > s.before {
		s.told = at
		s.serve(s.serves)
	}
}

// serve notes what the active replica has said of requests.
func (s *state) serve(serving bool) {
	if s.serving = serving; serving {
		s.signs++
	}
}

// succeed notes that another one is active than before, as of an epoch. One that has handed over has
// answered all its requests; of others nothing more comes.
func (s *state) succeed(epoch uint64) {
	if epoch != s.known {
		if s.serving = false; !s.free {
			s.term++
		}
	}
}

// held notes that somebody is active.
func (s *state) held(epoch uint64, by About, now time.Time) {
	if s.epoch > 0 && epoch > s.epoch {
		s.lose(fmt.Sprintf("%s has taken over", by.Replica))
	}
	s.succeed(epoch)
	s.known, s.holder, s.free, s.read, s.quiet = epoch, by, false, true, now
}

// lose notes that the role is lost.
func (s *state) lose(why string) {
	if s.lost == "" && !s.released {
		s.lost = why
	}
}

// note notes who has said something.
func (s *state) note(b *beat, now time.Time) {
	if b.State == ended {
		delete(s.others, b.Instance)
		return
	}
	o := s.others[b.Instance]
	if o == nil {
		for instance, p := range s.others { // a fresh process in the place of one before
			if p.about.Replica == b.Replica && now.Sub(p.heard) > closeTo*s.beat() || now.Sub(p.heard) > listed {
				delete(s.others, instance)
			}
		}
		if len(s.others) >= maxKnown {
			return
		}
		o = &other{}
		s.others[b.Instance] = o
	}
	o.about, o.state, o.epoch, o.heard = b.About, b.State, b.Epoch, now
	if b.Replica == s.about.Replica && s.epoch == 0 && now.Sub(s.began) < asNew*s.beat() && b.UptimeMS > now.Sub(s.began).Milliseconds() {
		s.named++
	}
}

// isTaken reports whether another process has our name: it was heard more than once, so it
// is not the last that was heard of a process before us.
func (s *state) isTaken() bool { return s.named > 1 }

// alone reports whether no other replica was heard that may have taken over.
func (s *state) alone(now time.Time) bool {
	for _, o := range s.others {
		if now.Sub(o.heard) < lately {
			return false
		}
	}
	return true
}

// due returns after what time something may have to be done that no beat comes with.
func (s *state) due(now time.Time) time.Duration {
	left := s.failover - now.Sub(s.quiet)
	if s.epoch > 0 {
		left = s.failover*4/5 - now.Sub(s.told)
	}
	if left <= 0 {
		return s.beat()
	}
	return left
}

// action is what is to be done.
type action int

const (
	nothing action = iota
	reconnect
	look   // read the record
	take   // replace it by ours
	give   // up: the role is lost
	refuse // our name is taken
)

// decide returns what is to be done now.
func (s *state) decide(now time.Time) action {
	switch {
	case s.released:
		return nothing
	case s.isTaken():
		return refuse
	case s.epoch > 0:
		s.mind(now)
	}
	if s.lost != "" {
		return give
	}
	if silent := s.failover * 3 / 10; now.Sub(s.echoed) > silent && now.Sub(s.linked) > silent+s.beat()/2 {
		s.linked = now
		return reconnect
	}
	switch {
	case s.asking, s.failed && now.Sub(s.asked) < backOff*s.beat():
		return nothing
	case s.checked, !s.read, s.doubts(now):
		return s.ask(look, now)
	case s.wants(now):
		s.trying = now
		return s.ask(take, now)
	case now.Sub(s.asked) >= again*s.beat(), s.epoch > 0 && now.Sub(s.asked) >= hurry*s.beat() && s.needsProof(now):
		return s.ask(look, now)
	}
	return nothing
}

func (s *state) ask(a action, now time.Time) action {
	s.asking, s.asked, s.failed, s.checked = true, now, false, false
	return a
}

// wants reports whether a standby is to take over.
func (s *state) wants(now time.Time) bool {
	return s.epoch == 0 && s.read && s.format <= Format && s.hears(now) && (s.free || now.Sub(s.quiet) >= s.failover)
}

// doubts reports whether an active replica that has come back can learn now whether it still
// is that.
func (s *state) doubts(now time.Time) bool {
	certain := s.resumed.Add(steadily * s.beat())
	return s.epoch > 0 && !s.sure && s.hears(now) && !now.Before(certain) && s.asked.Before(certain)
}

// mind looks whether an active replica still is that.
func (s *state) mind(now time.Time) {
	switch {
	case !s.doubtful(now):
		s.doubted = time.Time{}
	case s.doubted.IsZero():
		s.doubted = now
	case now.Sub(s.doubted) >= leaderless*s.failover:
		s.lose("more than half of the NATS servers are not reached, and another replica is not heard: it may have taken over")
	}
	silent := now.Sub(s.told)
	if silent < s.failover*4/5 {
		return
	}
	s.sure = false
	if !s.alone(now) {
		s.lose(fmt.Sprintf("cut off from NATS, or stopped, for %v: another replica may have taken over", silent.Round(10*time.Millisecond)))
	}
}

// unanswered notes that a request had no answer.
func (s *state) unanswered(now time.Time) {
	s.asking, s.failed = false, true
	if s.suspect != "" && s.epoch > 0 && !s.alone(now) { // two signs are enough
		s.lose(s.suspect + ", and NATS does not say who is active")
	}
}

// found notes what is in the record. began is when it was asked for.
func (s *state) found(r *record, revision uint64, began, now time.Time) {
	s.asking = false
	switch {
	case revision < s.known && s.epoch > 0 && revision == 0:
		s.lose("the record of the active replica is gone")
	case revision < s.known && revision > 0: // of a leader that is not one any more
	case s.epoch > 0 && revision > s.epoch:
		s.lose(fmt.Sprintf("%s has taken over", r.Replica))
	case s.epoch > 0:
		s.sure = s.sure || s.hears(now) && began.Sub(s.resumed) >= steadily*s.beat()
	case revision > 0 && r.Instance == s.instance && !r.Free && r.Since.Equal(s.trying) && now.Sub(s.trying) <= s.inTime():
		s.taken(revision, now) // the answer to our request was lost
	default: // a record that we have written too long ago is that of a silent one, like any other
		if !s.read || revision != s.known {
			s.quiet = now
		}
		if s.serving = s.serving && revision == s.known; !r.Free {
			s.succeed(revision)
		}
		s.free = r.Free || revision == 0 && (!s.read || s.free)
		s.read, s.known, s.format, s.holder = true, revision, r.Format, r.About
	}
}

// took notes that the record is ours.
func (s *state) took(revision uint64, now time.Time) {
	s.asking = false
	if now.Sub(s.trying) > s.inTime() { // others may be about to take over, since nobody beats for it
		s.failed, s.checked = false, true
		return
	}
	s.taken(revision, now)
}

// taken begins the time as the active replica.
func (s *state) taken(revision uint64, now time.Time) {
	if s.epoch > 0 || s.released || revision < s.known {
		return
	}
	switch {
	case s.known == 0:
		s.reason = first
	case s.free:
		s.reason = bye
	default:
		s.reason = silence
	}
	s.succeed(revision)
	s.epoch, s.known, s.free, s.sure, s.about.Since = revision, revision, false, true, now
	s.holder, s.told, s.before, s.proven = s.about, s.trying, s.n, s.trying
}
