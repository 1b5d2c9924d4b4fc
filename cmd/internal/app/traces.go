package app

import (
	"context"

	"stanzahook/cmd/internal/livecheck"
	"stanzahook/pkg/tracing"
)

// startTraces starts the export of spans, first of all: it ends behind what makes spans.
func (a *App) startTraces(context.Context) error {
	if a.cfg.Traces.Endpoint == "" {
		return nil
	}
	o := livecheck.Traces(a.cfg)
	o.Log = a.log
	a.tracer = tracing.New(o)
	a.onStop("export of traces", a.tracer.Stop)
	return nil
}
