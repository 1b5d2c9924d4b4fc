package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"stanzahook/cmd/internal/instance"
)

// maxEndpointFile bounds the file of an endpoint; the instance takes less.
const maxEndpointFile = 1 << 20

func endpointsPut(a *api) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put FILE",
		Short: "Make an endpoint, or replace one, of a file",
		Long: `Make an endpoint of a file, in YAML or JSON, with the keys of an element of endpoints
in the configuration; - is stdin. The instance keeps it in its store. Such an endpoint
comes after those of the configuration, and a put replaces it whole: a secret that is
left out is removed. The order of its events stays.`,
		Example: `  stanzahook endpoints put shop.yaml
  stanzahook endpoints put - < shop.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, keys, err := readNamed(args[0], "endpoint", cmd.InOrStdin())
			if err != nil {
				return failed(err)
			}
			answer, err := a.Send(cmd.Context(), instance.Request{Method: http.MethodPut, Path: endpointPath(name), Body: keys})
			if err == nil {
				err = printAnswer(cmd, answer, as(printEndpoint))
			}
			return failed(err)
		},
	}
	jsonFlag(cmd, "as JSON, as the API gives it")
	return cmd
}

// readNamed reads the keys of an endpoint or a hook, and takes its name from them. Its errors
// do not show the file, which has secrets.
func readNamed(file, what string, stdin io.Reader) (name string, keys json.RawMessage, err error) {
	return readKeyed(file, what, "name", stdin)
}

// readKeyed is readNamed for what has its name in another key.
func readKeyed(file, what, key string, stdin io.Reader) (name string, keys json.RawMessage, err error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", nil, err
		}
		defer f.Close() //nolint:errcheck // only read from
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxEndpointFile))
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", file, err)
	}
	var e map[string]any
	if err := yaml.Unmarshal(text, &e); err != nil {
		why := "; write the keys of one " + what + ", as an element of " + what + "s has them"
		if line, _, ok := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ":"); ok && strings.HasPrefix(line, "line ") {
			why = " (" + line + ")" + why
		}
		return "", nil, fmt.Errorf("%s: is not the YAML or JSON of %s %s%s", file, article(what), what, why)
	}
	name, _ = e[key].(string)
	if name == "" {
		return "", nil, fmt.Errorf("%s: %s: is missing; write the %[2]s of the %[3]s", file, key, what)
	}
	keys, err = json.Marshal(e)
	if err != nil {
		return "", nil, fmt.Errorf("%s: has a key that is no text", file)
	}
	return name, keys, nil
}

func article(what string) string {
	if what == "endpoint" {
		return "an"
	}
	return "a"
}

func endpointsDelete(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an endpoint that was put",
		Long: `Delete an endpoint that was put; one of the configuration file cannot be deleted so.
Its events wait for an endpoint of its name, and become dead letters after a day.`,
		Example: "  stanzahook endpoints delete shop",
		Args:    cobra.ExactArgs(1),
	}, func(w io.Writer, _ json.RawMessage) error {
		_, err := fmt.Fprintln(w, "deleted")
		return err
	}, func(args []string) (instance.Request, error) {
		return instance.Request{Method: http.MethodDelete, Path: endpointPath(args[0])}, nil
	})
}
