package livecheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/plural"
	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

const archiveFeature = "urn:xmpp:mam:2"

// roomServices returns the services of rooms that bots use: as the instance has them, or else
// those of the configuration, of which nothing is joined.
func (i *Inspection) roomServices() []rooms.Service {
	if i.Rooms != nil {
		return i.Rooms()
	}
	var all []rooms.Service
	most := make(map[[2]string]int)
	for n := range i.Config.Rooms {
		c := &i.Config.Rooms[n]
		bot, service := c.Bot, c.Address.Domain()
		at := slices.IndexFunc(all, func(s rooms.Service) bool { return s.Component == bot.Domain() && s.Offer.Service.Domain() == service })
		if at < 0 {
			at = len(all)
			all = append(all, rooms.Service{Offer: services.Offer{Component: bot.Domain(), Service: jid.FromServer(service)}})
		}
		if !slices.ContainsFunc(i.Config.Rooms[:n], func(o config.Room) bool { return o.Address == c.Address && o.Bot.Domain() == bot.Domain() }) {
			all[at].Rooms++
		}
		k := [2]string{service, bot.String()}
		most[k]++
		all[at].Most = max(all[at].Most, most[k])
	}
	return all
}

// rooms checks a service of rooms: whether it answers IQs, what limits our rooms meet, whether
// bots may make rooms, and whether rooms have an archive.
func (i *Inspection) rooms(ctx context.Context, s *rooms.Service) []v1.Check {
	const what = "rooms"
	link, name := i.Links[s.Component], s.Offer.Service.String()
	if link == nil || link.Status().State != component.Up {
		return nil // the check of the link says so
	}
	if err := i.offer(ctx, link, s); err != nil {
		return []v1.Check{failing(what, name, "it was not asked: "+err.Error(), "try again")}
	}
	in := fmt.Sprintf("%s of bots", plural.Count(s.Rooms, "room"))
	if s.States != nil {
		in += fmt.Sprintf(": %d joined, %d joining, %d waiting, %d refused", s.States[muc.Joined], s.States[muc.Joining], s.States[muc.Waiting], s.States[muc.Refused])
	}
	var all []v1.Check
	if !s.Silent() && s.Condition == "" {
		all = append(all, fine(what, name, strings.TrimSpace(s.Software+" answers IQs; "+in)))
	} else {
		all = append(all, fine(what, name, in))
	}
	for _, f := range s.Findings() {
		c := warning(what, name, f.Found, f.Advice)
		if !f.Met {
			c.Verdict = v1.CheckOK
		}
		all = append(all, c)
	}
	switch {
	case s.Creation == rooms.Created:
		all = append(all, fine(what, name, "bots can make rooms"))
	case s.Creation == "":
		all = append(all, fine(what, name, "no bot has tried to make a room since the start"))
	}
	switch {
	case s.Silent() || s.Condition != "":
	case s.Has(archiveFeature):
		all = append(all, fine(what, name, "rooms can have an archive (XEP-0313)"))
	default:
		all = append(all, warning(what, name, "rooms have no archive (XEP-0313): missed messages come from their history, and GET /v1/rooms/{room}/history is a 501",
			fmt.Sprintf("Prosody: modules_enabled = { \"muc_mam\" } in Component %q \"muc\"; ejabberd: mod_mam, and default_room_options: {mam: true} in mod_muc", name)))
	}
	return all
}

// offer asks a service, and the server above it, what they offer now.
func (i *Inspection) offer(ctx context.Context, link *component.Link, s *rooms.Service) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	server := make(chan services.Offer, 1)
	go func() {
		o := services.Offer{}
		if parent, err := jid.Parse(config.Parent(s.Offer.Service.Domain())); err == nil {
			info, _ := disco.Ask(ctx, link, parent) // it need not answer
			o.Name, o.Features = info.Name, info.Features
		}
		server <- o
	}()
	info, err := disco.Ask(ctx, link, s.Offer.Service)
	refused, isRefused := errors.AsType[*stanza.Error](err)
	answers := true
	s.Condition = ""
	switch {
	case isRefused:
		s.Condition = refused.Condition
	case errors.Is(err, context.DeadlineExceeded):
		answers = false
	case err != nil:
		return err
	}
	s.Answers, s.Name, s.Features = &answers, info.Name, info.Features
	if s.Software == "" && answers {
		s.Software = services.SoftwareOf(s.Offer, <-server)
	}
	return nil
}
