package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand is for packagers, and hidden from users.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a directory",
		Long:   "Write a manual page for every command into a directory. Their date is SOURCE_DATE_EPOCH, else today.",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.Root().DisableAutoGenTag = true
			return failed(writeManual(cmd.Root(), args[0]))
		},
	}
}

// writeManual writes the page of a command and those of all below it. completion has
// none: packages bring what it writes.
func writeManual(cmd *cobra.Command, dir string) error {
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	var page bytes.Buffer
	if err := doc.GenMan(cmd, &doc.GenManHeader{Source: "stanzahook"}, &page); err != nil {
		return err
	}
	page.WriteString("\n.SH EXIT STATUS\n0: success. 1: failure; standard error says why. 2: usage error.\n.SH FILES\n.BR stanzahook.yaml (5)\n")
	if err := os.WriteFile(filepath.Join(dir, name), page.Bytes(), 0o644); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() || sub.Name() == "completion" {
			continue
		}
		if err := writeManual(sub, dir); err != nil {
			return err
		}
	}
	return nil
}
