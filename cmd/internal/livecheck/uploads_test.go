package livecheck

import (
	"testing"

	"stanzahook/component/uploads"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/upload"
)

// check --live says where files go, and what to do if nowhere.
func TestUploads(t *testing.T) {
	service := jid.MustParse("upload.example.com")
	for _, x := range []struct {
		known  uploads.Status
		found  string // empty: no row
		advice bool
		doubt  bool
	}{
		{known: uploads.Status{}},
		{known: uploads.Status{Searched: true}, found: "no upload service (XEP-0363) is known, so files cannot be sent", advice: true},
		{known: uploads.Status{Searched: true, Service: upload.Service{JID: service}}, found: "files go to upload.example.com (of an unknown server)"},
		{known: uploads.Status{Searched: true, Service: upload.Service{JID: service, Software: "Prosody", MaxBytes: 1000}}, found: "files go to upload.example.com (Prosody), which takes at most 1000 bytes"},
		{known: uploads.Status{Searched: true, Service: upload.Service{JID: service}, Refused: "upload.example.com, which may not exist: x"}, found: "files go to upload.example.com, which may not exist: x", advice: true, doubt: true},
	} {
		i := &Inspection{Uploads: func(string) uploads.Status { return x.known }}
		all := i.uploads("bot.example.com")
		if x.found == "" {
			if len(all) > 0 {
				t.Errorf("%+v", all)
			}
			continue
		}
		if len(all) != 1 || all[0].What != "uploads" || all[0].Subject != "bot.example.com" || (all[0].Verdict == v1.CheckOK) == x.doubt || all[0].Found != x.found || (all[0].Advice != nil) != x.advice {
			t.Errorf("%+v, and not %q", all, x.found)
		}
	}
}
