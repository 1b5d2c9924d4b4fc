package api

import (
	"context"
	"fmt"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/standby"
	"stanzahook/component"
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

// Status is the state of the process, for GET /v1/status.
type Status struct {
	Config    *config.Config
	Links     map[string]*component.Link // by domain, as the next two
	Grants    map[string]*privilege.Keeper
	Outboxes  map[string]*outbox.Outbox
	Endpoints v1.Endpoints
	Rosters   *roster.Rosters
	Backends  map[string]*roster.Backends // by host
	Rooms     *rooms.Rooms
	Commands  *commands.Commands
	Services  *services.Services
	Finder    *uploads.Finder
	Store     *store.Store
	Role      *standby.Replica // nil: the store is embedded
	Started   time.Time
}

// Get is v1.Options.Status.
func (s *Status) Get(ctx context.Context) (v1.Status, error) {
	st := v1.Status{
		Version: build.Version, Started: s.Started.UTC(), Uptime: int64(time.Since(s.Started).Seconds()),
		Links: []v1.LinkStatus{}, Outbox: []v1.OutboxStatus{}, Endpoints: []v1.EndpointStatus{}, Removed: []v1.RemovedStatus{}, Rosters: s.rosterStatus(),
		Rooms: roomCounts(s.Rooms.Counts()), Commands: commandCounts(s.Commands), Services: s.serviceStatus(),
	}
	for _, c := range s.Config.Components {
		l := s.Links[c.Domain].Status()
		link := v1.LinkStatus{Component: c.Domain, Server: c.Server, State: string(l.State), Since: l.Since.UTC(), Privileges: map[string]string{}}
		if l.Reason != "" {
			link.Reason = &l.Reason
		}
		for host, granted := range s.Grants[c.Domain].All() {
			link.Privileges[host] = fmt.Sprintf("%s (%s)", granted, granted.Namespace)
		}
		st.Links = append(st.Links, link)
		box := s.Outboxes[c.Domain]
		st.Outbox = append(st.Outbox, v1.OutboxStatus{Component: c.Domain, Waiting: box.Waiting(), Expired: box.Expired.Load()})
	}
	all, err := s.Endpoints.List(ctx)
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
	u, err := s.Store.Usage(ctx)
	if err != nil {
		return st, err
	}
	st.Store = v1.StoreStatus{Kind: "embedded", Bytes: u.Bytes, MaxBytes: u.MaxBytes, Full: u.Refuses != nil}
	if u.Refuses != nil {
		reason := u.Refuses.Error()
		st.Store.Reason = &reason
	}
	if r := s.Store.Remote(); r != nil {
		st.Store.Kind = "nats"
		st.Store.RemoteStore = &v1.RemoteStore{
			Server: r.Server, Replicas: r.Replicas, Connected: r.Connected, Reconnects: r.Reconnects, Unwritten: r.Unwritten, UnwrittenMS: r.UnwrittenFor.Milliseconds(),
		}
	}
	if r := s.Role.Status(); r != nil {
		st.Replica = &v1.ReplicaRole{Name: r.Name, Epoch: r.Epoch, Since: r.Since.UTC(), Problem: orNull(s.Role.Unreached())}
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
func (s *Status) rosterStatus() []v1.RosterStatus {
	all := []v1.RosterStatus{}
	hosts := make(map[string]*roster.Syncer)
	for _, h := range s.Rosters.All() {
		hosts[h.Domain] = h
	}
	for _, c := range s.Config.Rosters {
		h, backend := hosts[c.Host], s.Backends[c.Host].Chosen()
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
