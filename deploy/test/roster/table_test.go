//go:build integration

package roster

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// others are users who are not online, or not there.
func (w *backendTest) others() {
	want := harness.Contacts{marie: {Name: "Marie", Groups: []string{"Friends"}, Subscription: "both"}}
	off := "off" + w.suffix
	w.app.WantAll(w.t, off, want)
	r := w.p.RefreshRoster(off, false)
	c := harness.Online(w.t, w.s, off)
	defer c.Close()
	cell := r.Result
	if have := w.p.Roster(off).Actual; have.String() != c.Have.String() {
		w.t.Errorf("the server has %s, but the client has got %s", have, c.Have)
	}
	if len(c.Have) > 0 {
		cell += ", there at the login"
	}
	w.note("the user is offline", cell)
	w.t.Logf("offline: %s (%s)", cell, r.Detail)

	nobody := "nobody" + w.suffix
	w.app.WantAll(w.t, nobody, want)
	r = w.p.RefreshRoster(nobody, false)
	cell = r.Result
	if len(w.p.Roster(nobody).Actual) > 0 {
		cell += ", and a roster of nobody"
	}
	w.note("the server has no such user", cell)
	w.t.Logf("no such user: %s (%s)", cell, r.Detail)
}

// presence is what two users see of each other.
func (w *backendTest) presence() {
	names := []string{"ann" + w.suffix, "ben" + w.suffix}
	ann, ben := harness.Online(w.t, w.s, names[0]), harness.Online(w.t, w.s, names[1])
	defer ann.Close()
	defer ben.Close()
	both := func() string {
		harness.SettleAll(ann, ben)
		a, b := ann.Sees(ben, ""), ben.Sees(ann, "")
		if a != b {
			return fmt.Sprintf("%v and %v", a, b)
		}
		return fmt.Sprint(a)
	}
	for i, user := range names {
		w.app.WantAll(w.t, user, harness.Contacts{names[1-i] + "@localhost": {Name: "Friend", Subscription: "both"}})
		w.p.RefreshRoster(user, true)
	}
	cell := map[string]string{"true": "at once"}[both()]
	if cell == "" {
		for _, c := range []*harness.RosterClient{ann, ben} {
			c.Send("<presence><show>away</show></presence>")
		}
		cell = map[string]string{"true": "at their next presence", "false": "never"}[both()]
	}
	w.note("two become contacts and see each other", cell)

	w.app.Want(names[0], "{}")
	w.p.RefreshRoster(names[0], false)
	harness.SettleAll(ann, ben)
	a, b := ann.Sees(ben, "unavailable"), ben.Sees(ann, "unavailable")
	w.note("one removes the other; told `unavailable`", map[bool]map[bool]string{
		true: {true: "both", false: "who removes"}, false: {true: "who is removed", false: "nobody"},
	}[a][b])
	left := "is not there"
	if c, there := ben.Have[names[0]+"@localhost"]; there {
		left = "stays `" + c.Subscription + "`"
	}
	w.note("and the subscription in the other's roster", left)
}

// rosterTable collects what was seen: row by row, in columns.
type rosterTable struct {
	mu    sync.Mutex
	rows  []string
	cells map[string]map[string]string // by column and row
}

func (t *rosterTable) note(column, row, cell string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if t.cells[column] == nil {
		t.cells[column] = make(map[string]string)
	}
	t.cells[column][row] = cell
}

// serverVersion is the name and version of a server, as its log has it.
func serverVersion(t *testing.T, s *lab.Server) string {
	t.Helper()
	found := regexp.MustCompile(`(Prosody version|ejabberd) (\d+\.\d+(\.\d+)?)`).FindStringSubmatch(s.Logs())
	if found == nil {
		t.Fatal("the server does not say which version it has")
	}
	name := map[lab.Kind]string{lab.Prosody: "Prosody", lab.Ejabberd: "ejabberd"}[s.Kind()]
	return name + " " + found[2]
}

// tableFile is the table in the operator's guide.
const tableFile = "../../../deploy/guide/rosters-servers.md"

const tableHead = `# What each server can do with rosters

The results of refreshes on real servers, by version and by the backend in rosters[].
The tests write this file: UPDATE_DOC=1 go test -tags integration -run
TestRosterBackends ./deploy/test/roster, and again with EJABBERD_ROOT for the newer ejabberd.

A result is that of the API; pushes are the roster pushes that the user's client received.

`

// compare compares what was seen with the file, column by column; of servers
// that were not run nothing is said. With UPDATE_DOC it is written instead.
func (t *rosterTable) compare(tt *testing.T) {
	tt.Helper()
	old := readTable(tt)
	tt.Logf("what was seen:\n%s", t.markdown())
	if os.Getenv("UPDATE_DOC") != "" {
		for column, cells := range old.cells {
			if t.cells[column] == nil {
				t.cells[column] = cells
			}
		}
		if err := os.WriteFile(tableFile, []byte(tableHead+t.markdown()), 0o644); err != nil {
			tt.Fatal(err)
		}
		return
	}
	for column, cells := range t.cells {
		if old.cells[column] == nil {
			tt.Errorf("%s has no column %q; UPDATE_DOC=1 adds it", tableFile, column)
			continue
		}
		for row, cell := range cells {
			if want := old.cells[column][row]; want != cell {
				tt.Errorf("%s: %s: %q was seen, %s has %q", column, row, cell, tableFile, want)
			}
		}
	}
}

// markdown is the table, with its columns in order.
func (t *rosterTable) markdown() string {
	columns := slices.Sorted(maps.Keys(t.cells))
	slices.SortStableFunc(columns, func(a, b string) int { // Prosody first
		return strings.Compare(strings.ToUpper(b[:1]), strings.ToUpper(a[:1]))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, column := range columns {
			fmt.Fprintf(&b, " %s |", t.cells[column][row])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func readTable(tt *testing.T) *rosterTable {
	tt.Helper()
	t := &rosterTable{cells: make(map[string]map[string]string)}
	text, err := os.ReadFile(tableFile)
	if err != nil && os.Getenv("UPDATE_DOC") == "" {
		tt.Fatal(err)
	}
	var columns []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|") || cells[0] == "---":
		case columns == nil:
			columns = cells[1:]
		default:
			for i, column := range columns {
				t.note(column, cells[0], cells[i+1])
			}
		}
	}
	return t
}
