package livecheck

import (
	"context"
	"errors"
	"net/http"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/tracing"
)

// Traces says how spans are exported by a configuration with traces.endpoint.
func Traces(cfg *config.Config) tracing.Options {
	t := &cfg.Traces
	o := tracing.Options{Header: http.Header{}, Sample: float64(t.Sample), Endpoint: t.URL(), Service: t.ServiceName, Version: build.Version}
	o.Client = outbound.NewClient(outbound.NewGuard(cfg.Outbound.Networks), outbound.ClientOptions{Proxy: cfg.Outbound.ProxyURL(), TLS: t.TLS.Config(), Socket: t.Address.Socket()})
	o.Header.Set("User-Agent", build.UserAgent())
	for name, value := range t.Headers {
		o.Header.Set(name, value.Reveal())
	}
	return o
}

// traces asks the collector, with a request without spans.
func (i *Inspection) traces(ctx context.Context) v1.Check {
	const what = "traces"
	a := i.Config.Traces.Address
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	o := Traces(i.Config)
	defer o.Client.CloseIdleConnections()
	err := tracing.Try(ctx, o)
	answered, status := errors.AsType[*tracing.StatusError](err)
	switch {
	case err == nil:
		return fine(what, a.Host(), "the collector takes spans at "+outbound.PublicURL(o.Endpoint))
	case errors.Is(err, outbound.ErrRefused):
		return failing(what, a.Host(), err.Error(), "")
	case status:
		return failing(what, a.Host(), err.Error(), adviceFor(answered.Status))
	}
	return failing(what, a.Host(), "cannot be reached: "+outbound.Explain(err).Error(), reachable(err, "the collector", "traces.endpoint")+"; without it nothing but the traces is lost")
}

// adviceFor says what to do about the status that a collector answers.
func adviceFor(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "write what it wants to see into traces.headers"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return "correct traces.endpoint: it is to take OTLP over HTTP in protobuf, mostly at port 4318 and the path /v1/traces"
	}
	return "see its log"
}
