package rooms

import (
	"context"
	"net/url"
	"sync"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/muc"
)

// How many joins of one service are under way, and how long one that is not answered holds
// its place. Prosody 0.12 takes 2 ms for a join, and nobody is served meanwhile: with twelve
// of them before it, a message comes 25 ms later. With more the joins are not through sooner.
const (
	maxJoins = 12
	joinHold = time.Second
)

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
// wait for them.
func joinAll(ctx context.Context, link *component.Link, list []*session) {
	slots := make(chan struct{}, maxJoins)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range list {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.connected(link)
			s.awaitJoin(ctx)
		})
	}
}

// awaitJoin waits, for a while, until the room is not being joined any more, and what was
// missed has come.
func (s *session) awaitJoin(ctx context.Context) {
	late := time.NewTimer(joinHold)
	defer late.Stop()
	for {
		s.mu.Lock()
		state, behind, changed := s.state, s.behind, s.changed
		s.mu.Unlock()
		if state != muc.Joining && !behind {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func unescapeURI(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
