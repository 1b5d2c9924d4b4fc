package api

import (
	"strings"

	"stanzahook/component/services"
	"stanzahook/component/uploads"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/upload"
)

// serviceStatus is what the services offer that rooms are of, and the hosts behind components.
func (s *Status) serviceStatus() []v1.ServiceStatus {
	all := []v1.ServiceStatus{}
	for _, r := range s.Rooms.Services() {
		counts := roomCounts(r.States)
		st := serviceStatus(v1.ServiceRooms, r.Offer, r.Software, r.Advice())
		st.Rooms = &counts
		if r.Limit > 0 {
			st.Limits["rooms_of_a_bot"] = r.Limit
		}
		all = append(all, st)
	}
	for _, c := range s.Config.Components {
		for _, host := range s.Config.HostsBehind(c.Domain) {
			o := s.Services.Get(c.Domain, host)
			var advice []string
			if o.Silent() {
				advice = append(advice, services.Silence)
			}
			all = append(all, serviceStatus(v1.ServiceServer, o, s.Services.Software(c.Domain, host), advice))
		}
		if st := uploadStatus(s.Finder.Status(c.Domain)); st != nil {
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

// uploadStatus is what is known of the upload service of a component; nil while it is looked
// for.
func uploadStatus(st uploads.Status) *v1.ServiceStatus {
	if !st.Searched {
		return nil
	}
	known := !st.Service.JID.IsZero()
	v := serviceStatus(v1.ServiceUpload, services.Offer{Component: st.Component, Service: st.Service.JID}, st.Service.Software, []string{st.Advice()})
	if known {
		v.Answers = &known
		if st.Refused == "" {
			v.Features = []string{upload.Namespace}
		}
	}
	if st.Service.MaxBytes > 0 {
		v.Limits["max_file_bytes"] = int(st.Service.MaxBytes)
	}
	return &v
}
