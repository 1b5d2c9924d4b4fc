package ejabberdapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/secret"
)

// Name is what the backend is called in a configuration.
const Name = "ejabberd-api"

// The commands of ejabberd that a Backend uses.
const (
	checkAccount = "check_account"
	getRoster    = "get_roster"
	addItem      = "add_rosteritem"
	deleteItem   = "delete_rosteritem"
)

// Commands returns the commands of ejabberd that a Backend uses.
func Commands() []string { return []string{checkAccount, getRoster, addItem, deleteItem} }

// Backend reads and changes rosters through ejabberd's HTTP API.
type Backend struct {
	URL       string // a slash and the name of a command follow
	User      string // the bare address of an account that may use the commands
	Password  secret.String
	Client    *http.Client // that follows no redirects
	UserAgent string
	Timeout   time.Duration // of one request

	mu sync.Mutex
	// begun has the owners whose rosters are being changed. A refresh begins and
	// ends with Get, or ends with an error: both remove the owner, so there are no
	// more entries than refreshes.
	begun map[jid.JID]dialect
}

var _ roster.Backend = (*Backend)(nil)

// dialect is how a server expects the groups of a contact.
type dialect int

const (
	unknown   dialect = iota // until the first contact is set
	list                     // as a list
	separated                // as a string, with semicolons
)

// Name implements roster.Backend.
func (b *Backend) Name() string { return Name }

// Reaches implements roster.Backend; it returns true for all contacts.
func (b *Backend) Reaches(jid.JID) bool { return true }

// contact is a contact in the answer of get_roster.
type contact struct {
	JID          string              `json:"jid"`
	Name         string              `json:"nick"`
	Subscription roster.Subscription `json:"subscription"`
	Group        *string             `json:"group"`  // before 23.10: a line for each
	Groups       []string            `json:"groups"` // since then
}

// Get implements roster.Backend. An owner whom the server does not know has an
// empty roster.
func (b *Backend) Get(ctx context.Context, owner jid.JID) (roster.Roster, error) {
	b.end(owner)
	answer, err := b.call(ctx, getRoster, map[string]any{"user": owner.Local(), "host": owner.Domain()})
	if err != nil {
		return nil, err
	}
	var lines []contact
	if err := json.Unmarshal(answer, &lines); err != nil {
		if why := document.NotJSON(answer); why != "" {
			err = errors.New(why)
		}
		return nil, fmt.Errorf("ejabberd's answer to %s is not a list of contacts: %w", getRoster, err)
	}
	have := make(roster.Roster, len(lines))
	for _, c := range lines {
		j := jid.FromServer(c.JID)
		if c.Group != nil && *c.Group != "" {
			c.Groups = append(c.Groups, *c.Group)
		}
		have[j] = roster.NewItem(j, c.Name, append(c.Groups, have[j].Groups...), c.Subscription)
	}
	return have, nil
}

// Change implements roster.Backend; ejabberd has no command for several contacts. An
// error that names a group means that this version of ejabberd does not support its name.
func (b *Backend) Change(ctx context.Context, owner jid.JID, edits []roster.Edit) []error {
	return roster.OneByOne(ctx, edits, func(e roster.Edit) error { return b.change(ctx, owner, e) })
}

// change makes one change to an owner's roster. Before the first change of a refresh
// it checks that the owner exists, since ejabberd would create a roster for anybody.
func (b *Backend) change(ctx context.Context, owner jid.JID, e roster.Edit) error {
	b.mu.Lock()
	d, begun := b.begun[owner]
	b.mu.Unlock()
	if !begun {
		if err := b.exists(ctx, owner); err != nil {
			return err
		}
	}
	var err error
	if e.Remove {
		err = b.remove(ctx, owner, e.JID)
	} else {
		d, err = b.set(ctx, owner, e.Item, d)
	}
	if err != nil {
		// No Get may follow. Checking the owner once more does no harm.
		b.end(owner)
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun == nil {
		b.begun = make(map[jid.JID]dialect)
	}
	b.begun[owner] = d
	return nil
}

func (b *Backend) remove(ctx context.Context, owner, contact jid.JID) error {
	return b.do(ctx, deleteItem, map[string]any{
		"localuser": owner.Local(), "localhost": owner.Domain(),
		"user": contact.Local(), "host": contact.Domain(),
	})
}

func (b *Backend) end(owner jid.JID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.begun, owner)
}

// exists returns roster.ErrNoSuchUser if the account does not exist.
func (b *Backend) exists(ctx context.Context, owner jid.JID) error {
	err := b.do(ctx, checkAccount, map[string]any{"user": owner.Local(), "host": owner.Domain()})
	if errors.Is(err, errNo) {
		return fmt.Errorf("%w: ejabberd has no account %s", roster.ErrNoSuchUser, owner)
	}
	return err
}

// set sets a contact, with the newer command if the server knows it.
func (b *Backend) set(ctx context.Context, owner jid.JID, item roster.Item, d dialect) (dialect, error) {
	args := map[string]any{
		"localuser": owner.Local(), "localhost": owner.Domain(),
		"user": item.JID.Local(), "host": item.JID.Domain(),
		"nick": item.Name, "subs": item.Subscription,
	}
	if d != separated {
		args["groups"] = append([]string{}, item.Groups...) // none is [], not null
		// The version makes it independent of the server's configuration.
		err := b.do(ctx, addItem+"/v1", args)
		if err == nil || d == list || !isOlder(err) {
			return list, err
		}
		delete(args, "groups")
	}
	for _, g := range item.Groups {
		if strings.Contains(g, ";") {
			return separated, fmt.Errorf("the group %q has a semicolon, which ejabberd before 24.02 reads as the end of a group; rename the group, or update ejabberd", g)
		}
	}
	args["group"] = strings.Join(item.Groups, ";")
	return separated, b.do(ctx, addItem, args)
}

// isOlder reports whether an error is the answer of a server without version 1 of
// add_rosteritem: it either does not know versions in a URL, or misses the argument
// of version 0.
func isOlder(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == http.StatusBadRequest &&
		(strings.HasPrefix(e.text, "Missing command name") || strings.HasSuffix(e.text, "missing argument: group"))
}
