package upload

import (
	"fmt"
	"strings"
)

// The software of servers that advice is for.
const (
	prosody  = "Prosody"
	ejabberd = "ejabberd"
)

// adviseOn adds to a refusal what to write into the configuration of the server: of the one
// at hand, or of both if it is not known.
func adviseOn(e *Error, s Service, component string) {
	if e.Reason == NoService {
		e.Advice = "look at components[].uploads.service, and whether the XMPP server has this service"
		return
	}
	var lines []string
	for _, software := range [...]string{prosody, ejabberd} {
		if s.Software == "" || s.Software == software {
			if line := advice(e.Reason, software, s.JID.String(), component); line != "" {
				lines = append(lines, software+": "+line)
			}
		}
	}
	e.Advice = strings.Join(lines, "; ")
}

func advice(why Reason, software, service, component string) string {
	_, host, _ := strings.Cut(service, ".")
	of := fmt.Sprintf("in Component %q \"http_file_share\" ", service)
	switch {
	case why == Forbidden && software == prosody:
		return of + fmt.Sprintf("set http_file_share_access = { %q, %q }", host, component)
	case why == Forbidden:
		return fmt.Sprintf("set acl: {bots: {server: %s}}, access_rules: {upload: [{allow: local}, {allow: bots}]}, modules: {mod_http_upload: {access: upload}}", component)
	case why == TooLarge && software == prosody:
		return of + "set http_file_share_size_limit = 100*1024*1024"
	case why == TooLarge:
		return "set modules: {mod_http_upload: {max_size: 104857600}}"
	case why == Quota && software == prosody:
		return of + "set http_file_share_daily_quota = 1024*1024*1024; it counts for each bot, and slots that were never used count too"
	case why == Quota:
		return "set access_soft_quota and access_hard_quota of modules: {mod_http_upload_quota: …}"
	}
	return ""
}
