package rooms

import (
	"context"
	"net/url"
	"sync"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/muc"
)

// joinHold is how long a join that is not answered holds its place.
const joinHold = time.Second

// OnUp joins the rooms of a component, at once after each connect; it is for
// component.Options.OnUp. It returns when the connection has ended, and the rooms know that.
func (r *Rooms) OnUp(ctx context.Context, link *component.Link) {
	domain := link.Domain().Domain()
	r.mu.Lock()
	r.links[domain] = link
	r.mu.Unlock()
	r.tellDeparted(link)
	services := make(map[string][]*session)
	for _, s := range r.all() {
		if s.self.Domain() == domain {
			services[s.key.room.Domain()] = append(services[s.key.room.Domain()], s)
		}
	}
	var wg sync.WaitGroup
	for _, list := range services {
		list[0].askService(link) // before the joins, which may keep it busy
		wg.Go(func() { joinAll(ctx, link, list) })
	}
	wg.Wait()
	<-ctx.Done()
	if r.o.Services != nil {
		r.o.Services.Forget(domain)
	}
	r.mu.Lock()
	delete(r.links, domain)
	r.mu.Unlock()
	for _, s := range r.all() {
		if s.self.Domain() == domain {
			s.disconnected()
		}
	}
}

// joinAll joins the rooms of one service, some at a time, so that other traffic does not
// wait for them, see pace.
func joinAll(ctx context.Context, link *component.Link, list []*session) {
	var wg sync.WaitGroup
	defer wg.Wait()
	p, under, ends := newPace(), 0, make(chan time.Duration, maxJoins)
	for _, s := range list {
		for under >= p.joins() {
			select {
			case took := <-ends:
				if under--; took > 0 {
					p.took(took)
				}
			case <-ctx.Done():
				return
			}
		}
		under++
		wg.Go(func() { ends <- s.joinNow(ctx, link) })
	}
}

// joinNow joins a room, and waits, for a while, until what was missed has come. It returns how
// long the room took to answer; 0: it did not.
func (s *session) joinNow(ctx context.Context, link *component.Link) (took time.Duration) {
	began := time.Now()
	s.connected(link)
	late := time.NewTimer(joinHold)
	defer late.Stop()
	for asked := false; ; {
		s.mu.Lock()
		state, behind, changed := s.last.State, s.last.CatchingUp, s.next()
		s.mu.Unlock()
		if state == muc.Joining {
			asked = true
		} else if asked && took == 0 {
			took = time.Since(began)
		}
		if state != muc.Joining && !behind {
			return took
		}
		select {
		case <-changed:
		case <-late.C:
			return took
		case <-ctx.Done():
			return took
		}
	}
}

func unescapeURI(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
