package v1

import (
	"net/http"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/summary"
)

// Summary returns the last minutes, the newest first: of all, or of an endpoint if that
// is not empty. Error: gateway.ErrNotFound.
type Summary func(minutes int, endpoint string) ([]summary.Row, error)

const defaultRange = time.Hour

// rowJSON is one minute.
type rowJSON struct {
	Time      time.Time `json:"time"`
	In        int64     `json:"in"`
	Out       int64     `json:"out"`
	Delivered int64     `json:"delivered"`
	Failed    int64     `json:"failed"`
	Dead      int64     `json:"dead"`
	P50       *float64  `json:"p50_ms"`
	P99       *float64  `json:"p99_ms"`
}

func (s Summary) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{e.view(http.MethodGet, "/v1/summary", gateway.ScopeAdmin, with(s.show, "range", "endpoint"))}
}

func (s Summary) show(w http.ResponseWriter, _ *http.Request, values url.Values) error {
	within, err := duration(values, "range", defaultRange, summary.Minutes*time.Minute)
	if err != nil {
		return err
	}
	if within < time.Minute {
		return wrongf("range: %q is less than a minute; write for example 1h", values.Get("range"))
	}
	endpoint := values.Get("endpoint")
	rows, err := s(int(within/time.Minute), endpoint)
	if err != nil {
		return ofEndpoint(endpoint, err)
	}
	items := make([]rowJSON, len(rows))
	for i, r := range rows {
		items[i] = rowJSON{r.Time, r.In, r.Out, r.Delivered, r.Failed, r.Dead, optional(milliseconds(r.P50)), optional(milliseconds(r.P99))}
	}
	return answer(w, http.StatusOK, map[string]any{"items": items})
}
