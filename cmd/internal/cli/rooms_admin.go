package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
)

func roomsInvite(a *api) *cobra.Command {
	var bot string
	var ask struct {
		JID    string `json:"jid"`
		Reason string `json:"reason,omitempty"`
		How    string `json:"how,omitempty"`
	}
	cmd := a.command(&cobra.Command{
		Use:     "invite ROOM USER",
		Short:   "Invite a user into a room",
		Long:    "Invite a user into a room: by the room, which lets the user in (mediated), by a message\nof the bot (direct), or both.",
		Example: "  stanzahook rooms invite ops@rooms.example.com juliet@example.com",
		Args:    cobra.ExactArgs(2),
	}, as(func(w io.Writer, done *struct{ JID string }) error {
		_, err := fmt.Fprintf(w, "the invitation to %s is on its way\n", done.JID)
		return err
	}), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodPost, args[0], "/invite", bot)
		ask.JID = args[1]
		r.Body = ask
		return r, nil
	})
	botFlag(cmd, &bot)
	reasonFlag(cmd, &ask.Reason)
	cmd.Flags().StringVar(&ask.How, "how", "", "mediated, direct or both (default both)")
	return cmd
}

func reasonFlag(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "what people in the room see")
}

func roomsRole(a *api) *cobra.Command {
	var bot, reason string
	cmd := a.command(&cobra.Command{
		Use:   "role ROOM NICK ROLE",
		Short: "Give somebody in a room a role; none is a kick",
		Long: `Give somebody in a room a role: moderator, participant, visitor (who has no voice), or
none, which is a kick.`,
		Example: "  stanzahook rooms role ops@rooms.example.com Romeo none --reason 'off topic'",
		Args:    cobra.ExactArgs(3),
	}, as(func(w io.Writer, done *struct{ Nick, Role string }) error {
		_, err := fmt.Fprintf(w, "%s: %s\n", shown(done.Nick), shown(done.Role))
		return err
	}), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodPut, args[0], "/roles/"+url.PathEscape(args[1]), bot)
		r.Body = withReason("role", args[2], reason)
		return r, nil
	})
	botFlag(cmd, &bot)
	reasonFlag(cmd, &reason)
	return cmd
}

func roomsAffiliation(a *api) *cobra.Command {
	var bot, reason string
	cmd := a.command(&cobra.Command{
		Use:   "affiliation ROOM USER AFFILIATION",
		Short: "Give a user an affiliation to a room; outcast is a ban",
		Long: `Give a user, in the room or not, an affiliation to it: owner, admin, member, none, or
outcast, which is a ban.`,
		Example: "  stanzahook rooms affiliation ops@rooms.example.com juliet@example.com member",
		Args:    cobra.ExactArgs(3),
	}, as(func(w io.Writer, done *struct{ JID, Affiliation string }) error {
		_, err := fmt.Fprintf(w, "%s: %s\n", done.JID, done.Affiliation)
		return err
	}), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodPut, args[0], "/affiliations/"+url.PathEscape(args[1]), bot)
		r.Body = withReason("affiliation", args[2], reason)
		return r, nil
	})
	botFlag(cmd, &bot)
	reasonFlag(cmd, &reason)
	return cmd
}

func withReason(key, value, reason string) map[string]string {
	body := map[string]string{key: value}
	if reason != "" {
		body["reason"] = reason
	}
	return body
}

func roomsConfig(a *api) *cobra.Command {
	var bot string
	cmd := a.command(&cobra.Command{
		Use:   "config ROOM [NAME=VALUE]…",
		Short: "Show the configuration of a room, or change variables of it",
		Long: `Show the configuration of a room, or change variables of it; the bot must own the room.
muc#roomconfig_ at the beginning of a name may be left out. A name that is given twice
makes a list.`,
		Example: `  stanzahook rooms config ops@rooms.example.com
  stanzahook rooms config ops@rooms.example.com roomname=Ops moderatedroom=true`,
		Args: cobra.MinimumNArgs(1),
	}, as(printRoomConfig), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodGet, args[0], "/config", bot)
		if len(args) == 1 {
			return r, nil
		}
		all := make(map[string]any)
		for _, arg := range args[1:] {
			name, value, ok := strings.Cut(arg, "=")
			if !ok || name == "" {
				return r, fmt.Errorf("%q is not NAME=VALUE; write for example roomname=Ops", arg)
			}
			all[name] = another(all[name], value)
		}
		r.Method, r.Body = http.MethodPatch, all
		return r, nil
	})
	botFlag(cmd, &bot)
	return cmd
}

// another adds a value to those of a variable: nil, a text, true or false, or a list.
func another(known any, value string) any {
	switch v := known.(type) {
	case []string:
		return append(v, value)
	case nil:
		if value == "true" || value == "false" {
			return value == "true"
		}
		return value
	default:
		return []string{fmt.Sprint(v), value}
	}
}

func printRoomConfig(w io.Writer, form *map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(*form)) {
		var text string
		var list []string
		if json.Unmarshal((*form)[name], &text) != nil {
			_ = json.Unmarshal((*form)[name], &list) // else it has no values
			text = strings.Join(list, ", ")
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", shown(strings.TrimPrefix(name, "muc#roomconfig_")), shown(text)); err != nil {
			return err
		}
	}
	return nil
}
