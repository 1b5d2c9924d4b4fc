package hook

// githubKeys are what the events of GitHub, Gitea and Forgejo are about: the key of the
// payload with a number or an id.
var githubKeys = map[string][2]string{
	"pull_request": {"pull_request", "number"}, "pull_request_review": {"pull_request", "number"}, "pull_request_comment": {"pull_request", "number"},
	"issues": {"issue", "number"}, "issue_comment": {"issue", "number"}, "workflow_run": {"workflow_run", "id"}, "release": {"release", "id"},
}

// github reads the webhooks of GitHub. The event is in a header; a ping is told to nobody.
func github() adapter {
	return forge(forgeHeaders{event: []string{"X-GitHub-Event"}, id: []string{"X-GitHub-Delivery", "Idempotency-Key"}}, "github",
		"push", "pull_request", "pull_request_review", "issues", "issue_comment", "release", "workflow_run", "create", "delete")
}

// forgeHeaders are the names of headers that tell the event and the id of a delivery.
type forgeHeaders struct{ event, id []string }

// forge is an adapter for GitHub and what works like it.
func forge(h forgeHeaders, prefix string, events ...string) adapter {
	known := make(map[string]*Template)
	for _, e := range events {
		known[e] = own(prefix + "-" + e)
	}
	return adapter{events: events, threads: true, read: func(_ *Hook, r *Request) (reading, error) {
		event := r.header(h.event...)
		if event == "" {
			return reading{}, unreadable("the header %s is missing, which names the event", h.event[0])
		}
		o, err := r.object("payload")
		if err != nil {
			return reading{}, err
		}
		got := reading{event: event, once: r.header(h.id...)}
		if t := known[event]; t != nil {
			got.parts = []part{{data: o, own: t, thread: forgeThread(event, o)}}
		}
		return got, nil
	}}
}

// forgeThread names what an event is about: a number in a repository. Pull requests are
// issues too, so that their comments have the same thread.
func forgeThread(event string, o map[string]any) string {
	key, ok := githubKeys[event]
	if !ok {
		return ""
	}
	n := text(o, key[0], key[1])
	if n == "" {
		return ""
	}
	kind := key[0]
	if kind == "pull_request" {
		kind = "issue"
	}
	return text(o, "repository", "full_name") + " " + kind + " " + n
}
