// Package uploads finds the upload service (XEP-0363) of the XMPP server for each component,
// once a connection: among the services that the hosts behind the component list
// (XEP-0030), or the configured one.
//
//	f := uploads.New(configured, software, log)
//	f.OnUp(ctx, link, hosts)                       // on each connection
//	service, err := f.Find(ctx, "bot.example.com") // waits until the search has ended
//
// What was found is in memory alone.
package uploads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
)

// patience is how long a host may take to answer.
const patience = 5 * time.Second

// maxAsked bounds the services that are asked at the same time.
const maxAsked = 8

// Finder finds the upload services of components.
type Finder struct {
	configured map[string]jid.JID // by component; none: it is looked for
	software   func(component string, service jid.JID) string
	log        *zap.Logger

	mu       sync.Mutex
	searches map[string]*search // by component, the latest
}

// search is that of one connection.
type search struct {
	done    chan struct{}
	service upload.Service // zero: none was found
	silent  []string       // hosts that have not answered
	refused *stanza.Error  // by the configured service, or for it: it says not what it is
}

// New returns a finder. software tells what a service is made of.
func New(configured map[string]jid.JID, software func(component string, service jid.JID) string, log *zap.Logger) *Finder {
	return &Finder{configured: configured, software: software, log: log, searches: make(map[string]*search)}
}

// OnUp looks for the service over a new connection. It returns when it was found, or ctx is
// done.
func (f *Finder) OnUp(ctx context.Context, link *component.Link, hosts []jid.JID) {
	domain := link.Domain().Domain()
	s := &search{done: make(chan struct{})}
	defer close(s.done)
	f.mu.Lock()
	f.searches[domain] = s
	f.mu.Unlock()
	if service, ok := f.configured[domain]; ok {
		s.service.JID = service
		info, err := ask(ctx, link, service)
		if err == nil { // one that does not answer is used all the same
			s.service.MaxBytes = maxFileSize(info)
		}
		s.service.Unseen = err != nil
		s.refused, _ = errors.AsType[*stanza.Error](err)
		return
	}
	for _, host := range hosts {
		if s.search(ctx, link, host) {
			return
		}
	}
	if ctx.Err() == nil && len(s.silent) > 0 {
		f.log.Warn("upload service not found", zap.String("component", domain), zap.Strings("silent", s.silent), zap.String("hint", advice))
	}
}

func ask(ctx context.Context, link *component.Link, service jid.JID) (disco.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return disco.Ask(ctx, link, service)
}

// search looks for the service among those of a host.
func (s *search) search(ctx context.Context, link *component.Link, host jid.JID) bool {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	items, err := disco.Items(waiting, link, host)
	if err != nil {
		if waiting.Err() != nil {
			s.silent = append(s.silent, host.String())
		}
		return false
	}
	items = slices.DeleteFunc(items, func(j jid.JID) bool { return !j.IsDomain() || j == link.Domain() })
	found := make([]upload.Service, len(items))
	var all sync.WaitGroup
	places := make(chan struct{}, maxAsked)
	for i, item := range items {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if info, err := ask(ctx, link, item); err == nil && slices.Contains(info.Features, upload.Namespace) {
				found[i] = upload.Service{JID: item, MaxBytes: maxFileSize(info)}
			}
		})
	}
	all.Wait()
	for _, v := range found { // the first in the server's order
		if !v.JID.IsZero() {
			s.service = v
			return true
		}
	}
	return false
}

func maxFileSize(info disco.Info) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(info.Fields[[2]string{upload.Namespace, "max-file-size"}]), 10, 64)
	if err != nil || n < 0 {
		return 0 // it does not say
	}
	return n
}

// advice is what to do where no service was found.
const advice = "write the address of the upload service into components[].uploads.service, for example upload.example.com, or load one: " +
	`Prosody: Component "upload.example.com" "http_file_share"; ejabberd: mod_http_upload`

// Find returns the service of a component. It waits for the search of the connection.
// Errors: an [*upload.Error], gateway.ErrDown, that of ctx.
func (f *Finder) Find(ctx context.Context, component string) (upload.Service, error) {
	f.mu.Lock()
	s := f.searches[component]
	f.mu.Unlock()
	if s == nil {
		return upload.Service{}, gateway.ErrDown
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return upload.Service{}, ctx.Err()
	}
	if s.service.JID.IsZero() {
		return upload.Service{}, &upload.Error{Reason: upload.NoService, Advice: advice, Text: s.why()}
	}
	v := s.service
	v.Software = f.software(component, v.JID)
	return v, nil
}

func (s *search) why() string {
	if len(s.silent) > 0 {
		return strings.Join(s.silent, ", ") + " answered no service discovery"
	}
	return ""
}

// Status is what is known of the service of a component.
type Status struct {
	Component string
	Service   upload.Service // the zero Service: none was found, or the search goes on
	Searched  bool
	Silent    []string // hosts that have not answered
	Refused   string   // what the server says instead of the configured service, which may not exist; empty: nothing
}

// Status returns what is known of the service of a component.
func (f *Finder) Status(component string) Status {
	st := Status{Component: component}
	f.mu.Lock()
	s := f.searches[component]
	f.mu.Unlock()
	if s == nil {
		return st
	}
	select {
	case <-s.done:
		st.Service, st.Searched, st.Silent = s.service, true, s.silent
		st.Service.Software = f.software(component, s.service.JID)
		if s.refused != nil {
			st.Refused = fmt.Sprintf("%s, which may not exist: the question what it is was answered with %v", s.service.JID, s.refused)
		}
	default:
	}
	return st
}

// Advice returns what to do; "" if a service is known, or looked for.
func (s *Status) Advice() string {
	switch {
	case s.Refused != "":
		return advice
	case !s.Searched || !s.Service.JID.IsZero():
		return ""
	}
	return advice
}
