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

// maxKeysFile bounds the file of what is put; the instance takes less.
const maxKeysFile = 1 << 20

// put completes a command that makes something of a file, such as a hook: its name is in the
// file, under key.
func (a *api) put(cmd *cobra.Command, what, key string, path func(name string) string, print printer) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, keys, err := readKeyed(args[0], what, key, cmd.InOrStdin())
		if err != nil {
			return failed(err)
		}
		answer, err := a.Send(cmd.Context(), instance.Request{Method: http.MethodPut, Path: path(name), Body: keys})
		if err == nil {
			err = printAnswer(cmd, answer, print)
		}
		return failed(err)
	}
	jsonFlag(cmd, "as JSON, as the API gives it")
	return cmd
}

// remove completes a command that deletes what its argument names.
func (a *api) remove(cmd *cobra.Command, path func(name string) string) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return a.command(cmd, says("deleted"), func(args []string) (instance.Request, error) {
		return instance.Request{Method: http.MethodDelete, Path: path(args[0])}, nil
	})
}

// readKeyed reads the keys of one in a file, and takes its name from that under key. Its errors
// do not show the file, which has secrets.
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
	text, err := io.ReadAll(io.LimitReader(in, maxKeysFile))
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
