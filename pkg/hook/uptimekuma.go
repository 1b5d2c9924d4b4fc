package hook

import "net/http"

// uptimeKuma reads the webhook of Uptime Kuma: JSON, the field data of a form, or, if the
// hook takes GET, msg in the query. A test has no monitor.
func uptimeKuma() adapter {
	t := own("uptime-kuma")
	return adapter{threads: true, read: func(_ *Hook, r *Request) (reading, error) {
		var o map[string]any
		if r.Method == http.MethodGet {
			o = map[string]any{"msg": r.Query.Get("msg")}
		} else {
			var err error
			if o, err = r.object("data", "payload"); err != nil {
				return reading{}, err
			}
		}
		return reading{once: r.header("Idempotency-Key"), parts: []part{{data: o, own: t, thread: text(o, "monitor", "id")}}}, nil
	}}
}
