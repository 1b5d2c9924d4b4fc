package replica

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Replica is a replica as this one sees it.
type Replica struct {
	About
	State string        // Active, Standby or Silent
	Heard time.Duration // since it was heard; 0: this one
	Me    bool
}

// Why a replica has taken over.
const (
	first   = "first"   // nobody was active before
	silence = "silence" // the one before is silent
	bye     = "bye"     // it has handed over
)

// Reasons are the values of Status.Reason.
func Reasons() []string { return []string{first, silence, bye} }

// Status is what a replica knows.
type Status struct {
	Name     string
	Epoch    uint64 // 0: it is a standby
	Since    time.Time
	Reason   string    // why it has taken over: first, silence or bye; empty: it has not
	Holder   About     // the active one, as far as known
	Hears    bool      // whether it hears itself: only then it can take over, or stay active
	Replicas []Replica // all, in the order of their names
	Lost     int64     // events that were lost with earlier roles of this process; for who tells it
}

// Status returns what is known now.
func (m *Member) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	st := Status{Name: m.s.about.Replica, Epoch: m.s.epoch, Since: m.s.about.Since, Reason: m.s.reason, Hears: m.s.hears(now)}
	me := Replica{About: m.s.about, State: Standby, Me: true}
	if m.s.epoch > 0 {
		me.State, st.Holder = Active, m.s.about
	} else if m.s.read && m.s.known > 0 && !m.s.free && now.Sub(m.s.quiet) < m.s.failover {
		st.Holder = m.s.holder
	}
	st.Replicas = append(st.Replicas, me)
	for _, o := range m.s.others {
		r := Replica{About: o.about, State: o.state, Heard: now.Sub(o.heard)}
		switch {
		case r.Heard > listed:
			continue
		case r.Heard > m.s.failover:
			r.State = Silent
		}
		st.Replicas = append(st.Replicas, r)
	}
	slices.SortFunc(st.Replicas, func(a, b Replica) int {
		return cmp.Or(cmp.Compare(a.Replica, b.Replica), b.Since.Compare(a.Since))
	})
	return st
}

// SameConfig reports whether a replica has the configuration of the active one, and SameSecrets whether
// its secrets are the same.
func (st *Status) SameConfig(r *Replica) bool { return r.Config == st.Holder.Config }

// SameSecrets is next to SameConfig.
func (st *Status) SameSecrets(r *Replica) bool { return r.Secrets == st.Holder.Secrets }

// Ready returns why a standby could not take over; nil if it could.
func (m *Member) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case m.s.epoch > 0:
		return nil
	case !m.s.hears(now):
		return errors.New("this replica does not hear itself over NATS: it needs a connection, and has to be allowed to subscribe to what it publishes; see the permissions in the guide \"More than one machine\"")
	case m.s.format > Format:
		return fmt.Errorf("a newer version is active (%s, %s): this one cannot take over", m.s.holder.Replica, m.s.holder.Version)
	case !m.s.read:
		return errors.New("the record of the active replica cannot be read from NATS: more than half of its servers have to run")
	}
	return nil
}

// Alive returns an error if the replica does not look after itself any more.
func (m *Member) Alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if silent := time.Since(m.checked); silent > max(10*time.Second, 4*m.s.failover) && !m.s.released {
		return fmt.Errorf("replica: no beat for %v", silent.Round(time.Second))
	}
	return nil
}

// Heard returns how many other replicas are heard.
func (m *Member) Heard() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.s.others {
		if time.Since(o.heard) < m.s.failover {
			n++
		}
	}
	return n
}
