package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

// shells are those that completion is for.
var shells = [...]string{"bash", "zsh", "fish"}

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands and flags in a shell",
		Long: `Print a script that completes commands and flags in a shell. The shell reads it
when it starts, from where its own documentation says.`,
		Example: `  stanzahook completion bash > /etc/bash_completion.d/stanzahook
  stanzahook completion zsh  > "${fpath[1]}/_stanzahook"
  stanzahook completion fish > ~/.config/fish/completions/stanzahook.fish`,
		ValidArgs: shells[:],
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("completion: name one shell: " + strings.Join(shells[:], ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, w := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return failed(root.GenBashCompletionV2(w, true))
			case "zsh":
				return failed(root.GenZshCompletion(w))
			case "fish":
				return failed(root.GenFishCompletion(w, true))
			}
			return fmt.Errorf("completion: %q is none of %s", args[0], strings.Join(shells[:], ", "))
		},
	}
}

// completeFlag makes a flag complete to words.
func completeFlag(cmd *cobra.Command, flag string, words ...string) {
	// It fails for an unknown flag only, which the tests would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// group is a command that only holds others.
func group(use, short, long string, verbs ...string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		Args:  cobra.ArbitraryArgs, // else cobra reports a mistake of its own
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%s: %q is not known; say %s", use, args[0], config.Alternatives(verbs))
			}
			return fmt.Errorf("%s: say what to do: %s", use, config.Alternatives(verbs))
		},
	}
}
