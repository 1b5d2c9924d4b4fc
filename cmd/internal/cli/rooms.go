package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
)

func roomsCommand() *cobra.Command {
	cmd := group("rooms", "Show, join, leave and change rooms, through the running instance",
		`Show, join, leave and change rooms, through the running instance, with a token of the scope
rooms. Rooms of the configuration are joined and left there.`, "list", "join", "leave", "members", "invite", "role", "affiliation", "config")
	a := apiFlags(cmd, config.ScopeRooms)
	cmd.AddCommand(roomsList(a), roomsJoin(a), roomsLeave(a), roomsMembers(a), roomsInvite(a), roomsRole(a), roomsAffiliation(a), roomsConfig(a))
	return cmd
}

// room is a bot in a room, as far as it is printed.
type room struct {
	Room, From, Nick, State string
	Condition, Text, Role   *string
	NextAttempt             *time.Time `json:"next_attempt"`
	Occupants               int
	Source                  string
}

func roomsList(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "list",
		Short: "List the rooms that bots are in",
		Long: `List the rooms that bots are in, or should be. States are joined, joining, waiting (for
the connection, or the next attempt) and refused (by the room).`,
		Example: "  stanzahook rooms list",
		Args:    cobra.NoArgs,
	}, as(roomTable().print), func([]string) (instance.Request, error) { return instance.Request{Path: "/v1/rooms"}, nil })
}

func roomTable() table[room] {
	return table[room]{
		none:  "no bot is in a room; add one under rooms in the configuration, or with \"stanzahook rooms join\"",
		heads: "ROOM\tBOT\tNICK\tSTATE\tROLE\tOCCUPANTS\tFROM\tNEXT\tWHY",
		rows: func(r *room, row func(...any)) {
			row(r.Room, r.From, r.Nick, r.State, r.Role, r.Occupants, r.Source, r.NextAttempt, r.why())
		},
	}
}

func (r *room) why() string {
	why := text(r.Condition, "")
	if r.Text != nil {
		if why != "" {
			why += ": "
		}
		why += *r.Text
	}
	return why
}

// roomRequest is a request about a room and, if it is said, a bot in it.
func roomRequest(method, room, path, bot string) instance.Request {
	r := instance.Request{Method: method, Path: "/v1/rooms/" + url.PathEscape(room) + path, Query: url.Values{}}
	if bot != "" {
		r.Query.Set("from", bot)
	}
	return r
}

func botFlag(cmd *cobra.Command, bot *string) {
	cmd.Flags().StringVar(bot, "from", "", "the bot; not needed if the room has exactly one")
}

func roomsJoin(a *api) *cobra.Command {
	var bot, wait string
	var ask struct {
		Nick     string `json:"nick,omitempty"`
		Password string `json:"password,omitempty"`
		Create   bool   `json:"create,omitempty"`
	}
	cmd := a.command(&cobra.Command{
		Use:   "join ROOM",
		Short: "Put a bot into a room, and keep it there over restarts",
		Long: `Put a bot into a room, and keep it there over restarts. It waits for the join; a room
that refuses is not kept.`,
		Example: "  stanzahook rooms join ops@rooms.example.com --from echo@bot.example.com --nick Echo",
		Args:    cobra.ExactArgs(1),
	}, as(printJoined), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodPut, args[0], "", bot)
		r.Query.Set("wait", wait)
		r.Body = ask
		return r, nil
	})
	botFlag(cmd, &bot)
	f := cmd.Flags()
	f.StringVar(&ask.Nick, "nick", "", "the nickname (default: the bot's name)")
	f.StringVar(&ask.Password, "password", "", "the room's password")
	f.BoolVar(&ask.Create, "create", false, "make the room if it is not there")
	f.StringVar(&wait, "wait", "30s", "how long to wait for the join")
	return cmd
}

func printJoined(w io.Writer, r *room) error {
	_, err := fmt.Fprintf(w, "%s is %s as %s: %s\n", r.From, r.State, r.Nick, r.Room)
	if why := r.why(); err == nil && why != "" {
		_, err = fmt.Fprintf(w, "%s\nIt is tried again; \"stanzahook status\" says what to do\n", terminal.Harmless(why))
	}
	return err
}

func roomsLeave(a *api) *cobra.Command {
	var bot, reason string
	var destroy bool
	cmd := a.command(&cobra.Command{
		Use:     "leave ROOM",
		Short:   "Take a bot out of a room",
		Long:    "Take a bot out of a room. With --destroy the room itself ends, if the bot owns it.",
		Example: "  stanzahook rooms leave ops@rooms.example.com",
		Args:    cobra.ExactArgs(1),
	}, says("left"), func(args []string) (instance.Request, error) {
		r := roomRequest(http.MethodDelete, args[0], "", bot)
		if reason != "" {
			r.Query.Set("reason", reason)
		}
		if destroy {
			r.Query.Set("destroy", "1")
		}
		return r, nil
	})
	botFlag(cmd, &bot)
	cmd.Flags().StringVar(&reason, "reason", "", "what people in the room see")
	cmd.Flags().BoolVar(&destroy, "destroy", false, "end the room itself")
	return cmd
}

func roomsMembers(a *api) *cobra.Command {
	var bot string
	cmd := a.command(&cobra.Command{
		Use:   "members ROOM",
		Short: "List who is in a room",
		Long: `List who is in a room. An address is empty where the room hides it. If a room of
another server tells the address of somebody who is not a user of that server, the address
is shown as claimed.`,
		Example: "  stanzahook rooms members ops@rooms.example.com",
		Args:    cobra.ExactArgs(1),
	}, as(occupantTable().print), func(args []string) (instance.Request, error) {
		return roomRequest("", args[0], "/occupants", bot), nil
	})
	botFlag(cmd, &bot)
	return cmd
}

// occupant is somebody in a room, as far as it is printed.
type occupant struct {
	Nick              string
	JID, Show         *string
	ClaimedJID        *string `json:"claimed_jid"`
	Affiliation, Role string
	Bot               bool
}

func occupantTable() table[occupant] {
	return table[occupant]{none: "the bot is not in the room now; \"stanzahook rooms list\" says why", heads: "NICK\tADDRESS\tROLE\tAFFILIATION\tSHOW\tBOT", rows: func(o *occupant, row func(...any)) {
		bot := ""
		if o.Bot {
			bot = "bot"
		}
		address := o.JID
		if o.ClaimedJID != nil {
			claimed := *o.ClaimedJID + " (claimed)"
			address = &claimed
		}
		row(o.Nick, address, o.Role, o.Affiliation, o.Show, bot)
	}}
}
