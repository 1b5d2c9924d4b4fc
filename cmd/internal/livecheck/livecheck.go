// Package livecheck checks everything that a configuration is about: links and
// privileges, endpoints, rosters, accounts, the store and the clock. It is what
// "stanzahook check --live" and POST /v1/check show. It changes nothing.
package livecheck

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/component/rooms"
	"stanzahook/component/uploads"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// Inspection checks everything once. It changes nothing, and sends no request to an
// endpoint.
type Inspection struct {
	Config    *config.Config
	Links     map[string]*component.Link
	Grants    map[string]*privilege.Keeper          // by domain
	Backends  map[string]*roster.Backends           // by host
	Sources   map[string]*roster.HTTPSource         // by host
	Endpoints v1.Endpoints                          // nil: no instance runs here
	Features  *HostFeatures                         // of hosts; nil: no instance runs here
	Rooms     func() []rooms.Service                // services of rooms; nil: no instance runs here
	Uploads   func(component string) uploads.Status // its upload service; nil: no instance runs here
	Store     func(context.Context) v1.Check
	User      jid.JID // whose roster is read; may be zero
}

const (
	checkTimeout = 5 * time.Second // of one check
	checksAtOnce = 8
)

// probe is one part of an inspection.
type probe func(context.Context) []v1.Check

// Run makes all checks, some at the same time, and returns them in order.
func (i *Inspection) Run(ctx context.Context) []v1.Check {
	var probes []probe
	one := func(check func(context.Context) v1.Check) {
		probes = append(probes, func(ctx context.Context) []v1.Check { return []v1.Check{check(ctx)} })
	}
	for n := range i.Config.Components {
		probes = append(probes, func(ctx context.Context) []v1.Check { return i.component(ctx, &i.Config.Components[n]) })
	}
	for n := range i.Config.Components {
		domain := i.Config.Components[n].Domain
		for _, host := range i.Config.HostsBehind(domain) {
			if i.Features != nil {
				probes = append(probes, func(ctx context.Context) []v1.Check { return i.hostFeatures(ctx, domain, host) })
			}
		}
	}
	for n := range i.Config.Rosters {
		probes = append(probes, func(ctx context.Context) []v1.Check { return i.rosters(ctx, &i.Config.Rosters[n]) })
	}
	if !i.User.IsZero() && i.Backends[i.User.Domain()] == nil {
		one(func(context.Context) v1.Check {
			return failing("roster", i.User.String(), "the host "+i.User.Domain()+" is not under rosters in the configuration", "name a user of one of those, or add the host")
		})
	}
	for n := range i.Config.Endpoints {
		one(func(ctx context.Context) v1.Check { return i.Endpoint(ctx, &i.Config.Endpoints[n]) })
	}
	for _, host := range i.Config.HTTP.Basic.Accounts.Hosts {
		one(func(ctx context.Context) v1.Check { return i.accounts(ctx, host) })
	}
	for _, s := range i.roomServices() {
		probes = append(probes, func(ctx context.Context) []v1.Check { return i.rooms(ctx, &s) })
	}
	for n := range i.Config.Components {
		if i.Uploads != nil {
			probes = append(probes, func(context.Context) []v1.Check { return i.uploads(i.Config.Components[n].Domain) })
		}
	}
	if i.Config.Traces.Address != nil {
		one(i.traces)
	}
	one(i.Store)
	found := make([][]v1.Check, len(probes))
	slots := make(chan struct{}, checksAtOnce)
	var wg sync.WaitGroup
	for n, do := range probes {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[n] = do(ctx)
		})
	}
	wg.Wait()
	for _, s := range i.Sources {
		s.Client.CloseIdleConnections()
	}
	return slices.Concat(found...)
}

func fine(what, subject, found string) v1.Check {
	return v1.Check{What: what, Subject: subject, Verdict: v1.CheckOK, Found: found}
}

func warning(what, subject, found, advice string) v1.Check {
	return v1.Check{What: what, Subject: subject, Verdict: v1.CheckWarn, Found: found, Advice: &advice}
}

// failing is a failed check. Without advice, found says what to do.
func failing(what, subject, found, advice string) v1.Check {
	c := v1.Check{What: what, Subject: subject, Verdict: v1.CheckFail, Found: found}
	if advice != "" {
		c.Advice = &advice
	}
	return c
}

// component checks one link, and while it is up what needs it.
func (i *Inspection) component(ctx context.Context, c *config.Component) []v1.Check {
	link := i.Links[c.Domain]
	st := link.Status()
	if st.State == component.Down {
		st = tryNow(ctx, link)
	}
	switch st.State {
	case component.Up:
	case component.Shared:
		return []v1.Check{failing("link", c.Domain, st.Reason, "")}
	default:
		return []v1.Check{failing("link", c.Domain, "not connected: "+st.Reason, "")}
	}
	found := fmt.Sprintf("connected to %s, and the secret is accepted", c.Server)
	if c.TLS.Mode == config.TLSNone {
		found += "; without TLS"
	}
	all := []v1.Check{fine("link", c.Domain, found), roundTrip(ctx, link, c.Domain)}
	all = append(all, i.privileges(ctx, link, c.Domain)...)
	if host := i.serverOf(c.Domain); host != "" {
		all = append(all, clock(ctx, link, c.Domain, host))
	}
	return all
}

// retryTime is how long a check waits for a link to connect.
const retryTime = 2 * time.Second

// tryNow lets a link without a connection try again at once, and returns its state then: what stopped it
// may be mended since its last attempt.
func tryNow(ctx context.Context, link *component.Link) component.Status {
	ctx, cancel := context.WithTimeout(ctx, retryTime)
	defer cancel()
	link.Retry()
	_ = link.WaitConnected(ctx) // the state says what came of it
	return link.Status()
}

// serverOf is a domain of the server's own: of users, else the one above the
// component's; empty if there is none.
func (i *Inspection) serverOf(domain string) string {
	for _, r := range i.Config.Rosters {
		if r.Component == domain {
			return r.Host
		}
	}
	return config.Parent(domain)
}

// markers are sent one after the other: of two connections under one name, each
// gets about half of them on ejabberd.
const markers = 5

func roundTrip(ctx context.Context, link *component.Link, domain string) v1.Check {
	const what = "round trip"
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var least time.Duration
	for n := range markers {
		d, err := link.RoundTrip(ctx)
		if err != nil {
			return failing(what, domain, fmt.Sprintf("a message to ourselves through the server did not come back: %v", err),
				"is another program connected as "+domain+"? ejabberd deals the stanzas to both; stop the other one")
		}
		if n == 0 || d < least {
			least = d
		}
	}
	return fine(what, domain, fmt.Sprintf("%d messages to ourselves through the server came back, in %v", markers, least.Round(10*time.Microsecond)))
}

// How far clocks may be apart before a check warns or fails. Bots commonly refuse
// signatures that are five minutes off.
const (
	clocksDiffer  = 5 * time.Second
	clocksTooFar  = 5 * time.Minute
	clockPatience = 3 * time.Second
)

// clocks says how far ours is from the server's.
func clocks(ahead time.Duration, host string) string {
	if ahead < 0 {
		return fmt.Sprintf("our clock is %v behind %s's", -ahead, host)
	}
	return fmt.Sprintf("our clock is %v ahead of %s's", ahead, host)
}

// clock compares our clock with the server's (XEP-0202). A server need not answer;
// ejabberd 24.12 answers no component.
func clock(ctx context.Context, link *component.Link, domain, host string) v1.Check {
	const what = "clock"
	unknown := func(why string) v1.Check {
		return fine(what, domain, host+" does not report its time (XEP-0202): "+why)
	}
	to, err := jid.Parse(host)
	if err != nil {
		return unknown(err.Error())
	}
	ask, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "check-" + ulid.Make().String(), From: link.Domain(), To: to}, "<time xmlns='urn:xmpp:time'/>", stanza.Limits{})
	if err != nil {
		return unknown(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, clockPatience)
	defer cancel()
	began := time.Now()
	answer, err := link.Request(ctx, ask)
	took := time.Since(began)
	if err != nil {
		return unknown("no answer")
	}
	var body struct {
		UTC string `xml:"time>utc"`
	}
	if e, failed := answer.StanzaError(); failed {
		return unknown(string(e.Condition))
	}
	err = xml.Unmarshal([]byte(answer.XML()), &body)
	theirs, parseErr := time.Parse(time.RFC3339, body.UTC)
	if err != nil || parseErr != nil {
		return unknown("its answer cannot be read")
	}
	apart := began.Add(took / 2).Sub(theirs).Round(time.Second)
	found := clocks(apart, host)
	apart = max(apart, -apart)
	const advice = "let NTP set the clocks of both machines: times in the log and signatures of requests depend on ours"
	switch {
	case apart > clocksTooFar:
		return failing(what, domain, found, advice)
	case apart > clocksDiffer:
		return warning(what, domain, found, advice)
	}
	return fine(what, domain, "as that of "+host)
}
