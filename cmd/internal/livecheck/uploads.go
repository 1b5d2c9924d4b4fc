package livecheck

import (
	"cmp"
	"fmt"

	"stanzahook/httpapi/v1"
)

// uploads says where the files of a component go, as the instance has found it.
func (i *Inspection) uploads(domain string) []v1.Check {
	const what = "uploads"
	st := i.Uploads(domain)
	switch {
	case !st.Searched: // there was no connection yet, or the search goes on
		return nil
	case st.Service.JID.IsZero():
		c := warning(what, domain, "no upload service (XEP-0363) is known, so files cannot be sent", st.Advice())
		c.Verdict = v1.CheckOK // bots that send no files need none
		return []v1.Check{c}
	}
	if st.Refused != "" {
		return []v1.Check{warning(what, domain, "files go to "+st.Refused, st.Advice())}
	}
	found := fmt.Sprintf("files go to %s (%s)", st.Service.JID, cmp.Or(st.Service.Software, "of an unknown server"))
	if st.Service.MaxBytes > 0 {
		found += fmt.Sprintf(", which takes at most %d bytes", st.Service.MaxBytes)
	}
	return []v1.Check{fine(what, domain, found)}
}
