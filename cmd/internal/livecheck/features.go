package livecheck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stanzahook/cmd/internal/plural"
	"stanzahook/component"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// featuresNamed bounds the lost features that a check names.
const featuresNamed = 10

// hostFeatures compares the features of a host of the server with those it had.
func (i *Inspection) hostFeatures(ctx context.Context, domain string, host jid.JID) []v1.Check {
	const what = "features"
	link, name := i.Links[domain], host.Domain()
	if link.Status().State != component.Up {
		return nil // the check of the link says so
	}
	ctx, cancel := context.WithTimeout(ctx, clockPatience)
	defer cancel()
	found, err := i.Features.observe(ctx, link, host)
	refused := (*stanza.Error)(nil)
	switch {
	case errors.As(err, &refused):
		return []v1.Check{fine(what, name, "it does not report its features (XEP-0030): "+string(refused.Condition))}
	case errors.Is(err, context.DeadlineExceeded):
		return []v1.Check{fine(what, name, "it does not report its features (XEP-0030): no answer")}
	case err != nil:
		return []v1.Check{failing(what, name, "its features cannot be compared with the stored ones: "+err.Error(), "see the log")}
	case found.before == 0 && found.have == 0:
		return []v1.Check{fine(what, name, "it reports no features (XEP-0030)")}
	case found.before == 0:
		return []v1.Check{fine(what, name, plural.Count(found.have, "feature")+", stored to find lost ones later")}
	case len(found.lost) == 0:
		return []v1.Check{fine(what, name, plural.Count(found.have, "feature")+", none lost")}
	}
	text := strings.Join(found.lost[:min(len(found.lost), featuresNamed)], ", ")
	if more := len(found.lost) - featuresNamed; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return []v1.Check{warning(what, name, name+" no longer has "+text, fmt.Sprintf(
		"Prosody: is there a second VirtualHost %q, whose modules_enabled has replaced that of the first? Make one of them. ejabberd: compare modules in ejabberd.yml with what they were. A feature that you removed yourself is reported for 30 days", name))}
}
