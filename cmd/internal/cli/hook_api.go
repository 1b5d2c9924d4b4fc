package cli

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
)

func hookPath(name string) string { return "/v1/hooks/" + url.PathEscape(name) }

func hookPut(a *api) *cobra.Command {
	return a.put(&cobra.Command{
		Use:   "put FILE",
		Short: "Create or replace a hook",
		Long: `Create a hook, or replace it as a whole: a secret that you leave out is removed. The file
is YAML or JSON, with the keys of an element of hooks in the configuration; - is stdin. The
instance keeps the hook in its store. "stanzahook hook new" prints a secret and its hash.`,
		Example: "  stanzahook hook put alerts.yaml",
	}, "hook", "name", hookPath, as(func(w io.Writer, h *struct{ Name, Adapter string }) error {
		_, err := fmt.Fprintf(w, "the hook %s takes what %s posts\n", h.Name, h.Adapter)
		return err
	}))
}

func hookDelete(a *api) *cobra.Command {
	return a.remove(&cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a hook that was put",
		Long:    "Delete a hook that was put. One of the configuration file is deleted there. The address of\na deleted hook answers 401.",
		Example: "  stanzahook hook delete alerts",
	}, hookPath)
}

// hookRequest is a request to a hook, as far as it is printed.
type hookRequest struct {
	Time     time.Time
	Result   string
	Error    *string
	Count    int
	Messages []struct {
		To, ID, State string
		Error         *string
	}
}

func hookRequests(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "requests NAME",
		Short: "Show the latest requests to a hook, and what became of them",
		Long: `Show the latest requests to a hook since the instance was started, the newest first, and
what became of each message. A request with a wrong secret or signature is not among
them, as anybody can send those.`,
		Example: "  stanzahook hook requests alerts",
		Args:    cobra.ExactArgs(1),
	}, as(hookRequestTable().print), func(args []string) (instance.Request, error) {
		return instance.Request{Path: hookPath(args[0]) + "/requests"}, nil
	})
}

func hookRequestTable() table[hookRequest] {
	return table[hookRequest]{
		none:  "no request since the start",
		heads: "TIME\tRESULT\tTO\tSTATE\tID\tWHY",
		rows: func(r *hookRequest, row func(...any)) {
			if len(r.Messages) == 0 {
				row(r.Time, r.Result, "", "", "", r.Error)
			}
			for i, m := range r.Messages {
				why := m.Error
				if why == nil && i == 0 {
					why = r.Error
				}
				row(r.Time, r.Result, m.To, m.State, m.ID, why)
			}
			if more := r.Count - len(r.Messages); more > 0 && len(r.Messages) > 0 {
				row(r.Time, r.Result, fmt.Sprintf("and %d more", more), "", "", "")
			}
		},
	}
}
