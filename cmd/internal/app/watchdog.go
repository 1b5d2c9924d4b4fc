package app

import (
	"context"
	"fmt"

	"stanzahook/cmd/internal/livecheck"
	"stanzahook/component"
)

// CheckAlive returns an error if a part of the process does not respond, so that only
// a new process helps. Unlike ready it is not about what others can put right:
// an XMPP server that is away, or a full disk. It may take longer than ctx has.
func (a *App) CheckAlive(ctx context.Context) error {
	if err := a.store.Alive(); err != nil {
		return err
	}
	for _, l := range a.links {
		l.Status()
	}
	current := a.current.Load()
	for _, w := range current.workers {
		w.Status()
	}
	if err := a.role.Alive(); err != nil {
		return err
	}
	return livecheck.Self(ctx, &current.cfg.HTTP, a.Addr)
}

// Summary is the state in one line: the first link that is not up, if any.
func (a *App) Summary() string {
	up, trouble := 0, ""
	components := a.current.Load().cfg.Components
	for _, c := range components {
		if st := a.links[c.Domain].Status(); st.State == component.Up {
			up++
		} else if trouble == "" {
			trouble = fmt.Sprintf("; %s: %s", c.Domain, st.Reason)
		}
	}
	return fmt.Sprintf("%d of %d components connected%s", up, len(components), trouble)
}
