package hook

// mattermost reads what incoming webhooks of Mattermost take: as those of Slack, with
// Markdown.
func mattermost() adapter {
	return adapter{needsText: true, threads: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := slackPayload(r)
		if err != nil {
			return reading{}, err
		}
		// Links are also taken as Slack writes them.
		plain := func(s string) string { return mdtext(slacktext(s)) }
		body := lines(plain(text(o, "text")), slackAttachments(o, plain))
		return reading{once: r.header("Idempotency-Key"), target: text(o, "channel"), parts: []part{{data: o, text: body, thread: text(o, "root_id")}}}, nil
	}}
}
