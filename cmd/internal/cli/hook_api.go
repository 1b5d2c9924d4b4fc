package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
)

func hookPath(name string) string { return "/v1/hooks/" + url.PathEscape(name) }

func hookPut(a *api) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put FILE",
		Short: "Make a hook, or replace one, of a file",
		Long: `Make a hook of a file, in YAML or JSON, with the keys of an element of hooks in the
configuration; - is stdin. The instance keeps it in its store. A put replaces it whole: a
secret that is left out is removed. "stanzahook hook new" prints a secret and its hash.`,
		Example: "  stanzahook hook put alerts.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, keys, err := readNamed(args[0], "hook", cmd.InOrStdin())
			if err != nil {
				return failed(err)
			}
			answer, err := a.Send(cmd.Context(), instance.Request{Method: http.MethodPut, Path: hookPath(name), Body: keys})
			if err == nil {
				err = printAnswer(cmd, answer, as(func(w io.Writer, h *struct{ Name, Adapter string }) error {
					_, err := fmt.Fprintf(w, "the hook %s takes what %s posts\n", h.Name, h.Adapter)
					return err
				}))
			}
			return failed(err)
		},
	}
	jsonFlag(cmd, "as JSON, as the API gives it")
	return cmd
}

func hookDelete(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a hook that was put",
		Long:    "Delete a hook that was put; one of the configuration file cannot be deleted so. Its\naddress answers 401 from then on.",
		Example: "  stanzahook hook delete alerts",
		Args:    cobra.ExactArgs(1),
	}, func(w io.Writer, _ json.RawMessage) error {
		_, err := fmt.Fprintln(w, "deleted")
		return err
	}, func(args []string) (instance.Request, error) {
		return instance.Request{Method: http.MethodDelete, Path: hookPath(args[0])}, nil
	})
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
	}, as(printHookRequests), func(args []string) (instance.Request, error) {
		return instance.Request{Path: hookPath(args[0]) + "/requests"}, nil
	})
}

func printHookRequests(w io.Writer, page *struct{ Items []hookRequest }) error {
	if len(page.Items) == 0 {
		_, err := fmt.Fprintln(w, "no request since the start")
		return err
	}
	return printTable(w, "TIME\tRESULT\tTO\tSTATE\tID\tWHY", func(row func(...any)) {
		for _, r := range page.Items {
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
		}
	})
}
