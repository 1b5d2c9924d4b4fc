package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/standby"
	"stanzahook/component/commands"
	"stanzahook/component/outbox"
	"stanzahook/component/privilege"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/component/uploads"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/store"
)

// status is the state of the process, for GET /v1/status.
type status struct {
	cfg       *config.Config
	links     links
	grants    map[string]*privilege.Keeper
	outboxes  map[string]*outbox.Outbox
	endpoints v1.Endpoints
	rosters   *roster.Rosters
	backends  map[string]*roster.Backends // by host
	rooms     *rooms.Rooms
	commands  *commands.Commands
	offers    *services.Services
	finder    *uploads.Finder
	store     *store.Store
	role      *standby.Replica
	started   time.Time
}

// Status is v1.Options.Status.
func (s *status) Status(ctx context.Context) (v1.Status, error) {
	st := v1.Status{
		Version: build.Version, Started: s.started.UTC(), Uptime: int64(time.Since(s.started).Seconds()),
		Links: []v1.LinkStatus{}, Outbox: []v1.OutboxStatus{}, Endpoints: []v1.EndpointStatus{}, Removed: []v1.RemovedStatus{}, Rosters: s.rosterStatus(),
		Rooms: roomCounts(s.rooms.Counts()), Commands: commandCounts(s.commands), Services: s.serviceStatus(),
	}
	for _, c := range s.cfg.Components {
		l := s.links[c.Domain].Status()
		link := v1.LinkStatus{Component: c.Domain, Server: c.Server, State: string(l.State), Since: l.Since.UTC(), Privileges: map[string]string{}}
		if l.Reason != "" {
			link.Reason = &l.Reason
		}
		for host, granted := range s.grants[c.Domain].All() {
			link.Privileges[host] = fmt.Sprintf("%s (%s)", granted, granted.Namespace)
		}
		st.Links = append(st.Links, link)
		box := s.outboxes[c.Domain]
		st.Outbox = append(st.Outbox, v1.OutboxStatus{Component: c.Domain, Waiting: box.Waiting(), Expired: box.Expired.Load()})
	}
	all, err := s.endpoints.List(ctx)
	if err != nil {
		return st, err
	}
	for i := range all {
		if e := &all[i]; e.State == "removed" {
			st.Removed = append(st.Removed, v1.RemovedStatus{Name: e.Name, Queued: e.Queued, Oldest: e.Oldest})
		} else {
			st.Endpoints = append(st.Endpoints, e.EndpointStatus)
		}
	}
	u, err := s.store.Usage(ctx)
	if err != nil {
		return st, err
	}
	st.Store = v1.StoreStatus{Kind: "embedded", Bytes: u.Bytes, MaxBytes: u.MaxBytes, Full: u.Refuses != nil}
	if u.Refuses != nil {
		reason := u.Refuses.Error()
		st.Store.Reason = &reason
	}
	if r := s.store.Remote(); r != nil {
		st.Store.Kind = "nats"
		st.Store.RemoteStore = &v1.RemoteStore{
			Server: r.Server, Replicas: r.Replicas, Connected: r.Connected, Reconnects: r.Reconnects, Unwritten: r.Unwritten, UnwrittenMS: r.UnwrittenFor.Milliseconds(),
		}
	}
	if r := s.role.Status(); r != nil {
		st.Replica = &v1.ReplicaRole{Name: r.Name, Epoch: r.Epoch, Since: r.Since.UTC(), Problem: orNull(s.role.Unreached())}
		for i := range r.Replicas {
			one := &r.Replicas[i]
			st.Replicas = append(st.Replicas, v1.ReplicaStatus{
				Name: one.Replica, State: one.State, Version: one.Version, Config: one.Config, SameConfig: r.SameConfig(one), SameSecrets: r.SameSecrets(one),
				Advertise: orNull(one.Advertise), HeardMS: one.Heard.Milliseconds(), Since: one.Since.UTC(),
			})
		}
	}
	return st, nil
}

// serviceStatus is what the services offer that rooms are of, and the hosts behind components.
func (s *status) serviceStatus() []v1.ServiceStatus {
	all := []v1.ServiceStatus{}
	for _, r := range s.rooms.Services() {
		counts := roomCounts(r.States)
		st := serviceStatus(v1.ServiceRooms, r.Offer, r.Software, r.Advice())
		st.Rooms = &counts
		if r.Limit > 0 {
			st.Limits["rooms_of_a_bot"] = r.Limit
		}
		all = append(all, st)
	}
	for _, c := range s.cfg.Components {
		for _, host := range s.cfg.HostsBehind(c.Domain) {
			o := s.offers.Get(c.Domain, host)
			var advice []string
			if o.Silent() {
				advice = append(advice, services.Silence)
			}
			all = append(all, serviceStatus(v1.ServiceServer, o, s.offers.Software(c.Domain, host), advice))
		}
		if st := uploadStatus(s.finder.Status(c.Domain)); st != nil {
			all = append(all, *st)
		}
	}
	return all
}

func serviceStatus(kind string, o services.Offer, software string, advice []string) v1.ServiceStatus {
	return v1.ServiceStatus{
		JID: o.Service.String(), Kind: kind, Component: o.Component, Answers: o.Answers, Condition: orNull(string(o.Condition)), Software: orNull(software),
		Features: append([]string{}, o.Features...), Limits: make(map[string]int), Advice: orNull(strings.Join(advice, "\n")),
	}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func roomCounts(n map[muc.State]int) v1.RoomCounts {
	return v1.RoomCounts{Waiting: n[muc.Waiting], Joining: n[muc.Joining], Joined: n[muc.Joined], Refused: n[muc.Refused]}
}

func commandCounts(all *commands.Commands) v1.CommandCounts {
	n := v1.CommandCounts{Count: len(all.All())}
	n.Sessions, _, _, _ = all.Sessions()
	for i := range all.Counters.Results {
		asked := all.Counters.Results[i].Load()
		n.Runs += asked
		if commands.Result(i).Failed() {
			n.Failed += asked
		}
	}
	return n
}

// rosterStatus is the state of the rosters of each host.
func (s *status) rosterStatus() []v1.RosterStatus {
	all := []v1.RosterStatus{}
	hosts := make(map[string]*roster.Syncer)
	for _, h := range s.rosters.All() {
		hosts[h.Domain] = h
	}
	for _, c := range s.cfg.Rosters {
		h, backend := hosts[c.Host], s.backends[c.Host].Chosen()
		if h == nil {
			continue // a reload has just taken it away
		}
		st := v1.RosterStatus{Host: c.Host, Component: c.Component, Running: h.Running(), Refreshed: h.Counters.All()}
		if backend.Backend != "" {
			st.Backend = &backend.Backend
		}
		if backend.Reason != "" {
			st.Reason = &backend.Reason
		}
		all = append(all, st)
	}
	return all
}
