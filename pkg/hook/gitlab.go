package hook

// gitlab reads the webhooks of GitLab. The payload itself names its kind.
func gitlab() adapter {
	events := []string{"push", "tag_push", "merge_request", "issue", "note", "pipeline", "release"}
	known := make(map[string]*Template)
	for _, e := range events {
		known[e] = own("gitlab-" + e)
	}
	return adapter{events: events, threads: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := r.object()
		if err != nil {
			return reading{}, err
		}
		kind := text(o, "object_kind")
		if kind == "" {
			return reading{}, unreadable("object_kind is missing, which names the event")
		}
		if kind == "work_item" {
			kind = "issue"
		}
		got := reading{event: kind, once: r.header("Idempotency-Key", "X-Gitlab-Webhook-UUID-Delivery", "Webhook-Id", "X-Gitlab-Event-UUID")}
		if t := known[kind]; t != nil {
			got.parts = []part{{data: o, own: t, thread: gitlabThread(kind, o)}}
		}
		return got, nil
	}}
}

// gitlabThread names what an event is about: a number in a project.
func gitlabThread(kind string, o map[string]any) string {
	n, about := text(o, "object_attributes", "iid"), kind
	switch kind {
	case "merge_request", "issue":
	case "pipeline":
		n = text(o, "object_attributes", "id")
	case "note":
		for _, about = range []string{"merge_request", "issue"} {
			if n = text(o, about, "iid"); n != "" {
				break
			}
		}
	default:
		return ""
	}
	if n == "" {
		return ""
	}
	return text(o, "project", "path_with_namespace") + " " + about + " " + n
}
