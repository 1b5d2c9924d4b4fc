package hook

// grafana reads the webhook of Grafana Alerting, which is that of Alertmanager with more in
// it.
func grafana() adapter {
	t := own("grafana")
	return adapter{splits: true, threads: true, read: func(h *Hook, r *Request) (reading, error) { return readAlerts(h, r, t) }}
}
