package app

import (
	"context"
	"fmt"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/component/outbox"
	"stanzahook/component/privilege"
	"stanzahook/httpapi/v1"
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
	store     *store.Store
	started   time.Time
}

// Status is v1.Options.Status.
func (s *status) Status(ctx context.Context) (v1.Status, error) {
	st := v1.Status{
		Version: build.Version, Started: s.started.UTC(), Uptime: int64(time.Since(s.started).Seconds()),
		Links: []v1.LinkStatus{}, Outbox: []v1.OutboxStatus{}, Endpoints: []v1.EndpointStatus{}, Removed: []v1.RemovedStatus{}, Rosters: s.rosterStatus(),
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
	st.Store = v1.StoreStatus{Bytes: u.Bytes, MaxBytes: u.MaxBytes, Full: u.Refuses != nil}
	if u.Refuses != nil {
		reason := u.Refuses.Error()
		st.Store.Reason = &reason
	}
	return st, nil
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
