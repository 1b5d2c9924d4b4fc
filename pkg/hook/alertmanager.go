package hook

import "strings"

// alertmanager reads the webhook of Alertmanager, version 4: a group of alerts. A group has
// no id; that it reports the same states of the same alerts makes it the same.
func alertmanager() adapter {
	t := own("alertmanager")
	return adapter{splits: true, threads: true, read: func(h *Hook, r *Request) (reading, error) { return readAlerts(h, r, t) }}
}

// readAlerts reads a group of alerts, as Alertmanager and Grafana write them.
func readAlerts(h *Hook, r *Request, own *Template) (reading, error) {
	o, err := r.object()
	if err != nil {
		return reading{}, err
	}
	alerts, ok := o["alerts"].([]any)
	if !ok {
		return reading{}, unreadable("alerts is %s, and not a list", kindOf(o["alerts"]))
	}
	group := text(o, "groupKey")
	states := []string{group, text(o, "status"), text(o, "truncatedAlerts")}
	for _, a := range alerts {
		states = append(states, alertName(a), text(a, "status"), text(a, "startsAt"))
	}
	got := reading{once: r.header("Idempotency-Key"), state: stateOf(states...)}
	if !h.Split {
		got.parts = []part{{data: o, own: own, thread: group}}
		return got, nil
	}
	for _, a := range alerts {
		got.parts = append(got.parts, part{data: oneAlert(o, a), own: own, thread: alertName(a)})
	}
	return got, nil
}

// oneAlert is a group with one of its alerts.
func oneAlert(group map[string]any, alert any) map[string]any {
	one := make(map[string]any, len(group))
	for key, v := range group {
		one[key] = v
	}
	one["alerts"], one["status"], one["truncatedAlerts"] = []any{alert}, get(alert, "status"), int64(0)
	return one
}

// alertName names an alert over its states.
func alertName(alert any) string {
	if f := text(alert, "fingerprint"); f != "" {
		return f
	}
	labels := jsonText(get(alert, "labels"))
	if labels == "null" || labels == "" {
		return ""
	}
	return strings.TrimSpace(stateOf(labels)[:16])
}
