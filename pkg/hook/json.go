package hook

// anyJSON reads any JSON: a template says what is told, or one of the usual keys of a
// text is, or all of it.
func anyJSON() adapter {
	t := own("json")
	return adapter{read: func(_ *Hook, r *Request) (reading, error) {
		v, err := r.payload("payload", "data", "json")
		if err != nil {
			return reading{}, err
		}
		return reading{once: r.header("Idempotency-Key", "Webhook-Id"), parts: []part{{data: v, own: t}}}, nil
	}}
}
