package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/plural"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/roster"
)

func rosterRefresh(a *api) *cobra.Command {
	var file, host string
	var all, force bool
	cmd := &cobra.Command{
		Use:   "refresh USER… | --file FILE | --all",
		Short: "Make rosters what the web application wants",
		Long: `Make the rosters of users what the web application wants, and list those that are not.

A USER is name@host, or the name alone if there is one host, or --host says which.
The exit code is 1 if a roster was not updated.`,
		Example: `  stanzahook roster refresh juliet@example.com romeo@example.com
  stanzahook roster refresh --file users.txt
  stanzahook roster refresh --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			given := 0
			for _, set := range []bool{len(args) > 0, file != "", all} {
				if set {
					given++
				}
			}
			if given != 1 {
				return errors.New("refresh: give users, or --file, or --all")
			}
			f := refresher{api: a, host: host, force: force, bar: newProgress(cmd.ErrOrStderr(), "rosters")}
			if file != "" {
				var err error
				if args, err = readNames(file, cmd.InOrStdin()); err != nil {
					return failed(err)
				}
			}
			err := f.refresh(cmd.Context(), all, args)
			f.bar.end()
			switch {
			case err != nil && f.sum.Jobs == nil:
			case asJSON(cmd):
				if err := f.printJSON(cmd.OutOrStdout()); err != nil {
					return failed(err)
				}
			default:
				f.print(cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			if err == nil && f.sum.Errors > 0 {
				err = fmt.Errorf("not updated: %d of %s", f.sum.Errors, plural.Count(f.sum.Total, "roster"))
			}
			return failed(err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "the users in this file, one a line; # begins a comment; - is stdin")
	f.BoolVar(&all, "all", false, "all users whose rosters were refreshed before")
	f.StringVar(&host, "host", "", "the host of users without one; with --all: only of this host")
	f.BoolVar(&force, "force", false, "also where that removes most of a roster")
	jsonFlag(cmd, "as JSON")
	return cmd
}

// refresher refreshes rosters by jobs, one after the other.
type refresher struct {
	*api
	host  string
	force bool
	bar   *progress
	sum   refreshed
}

// refreshed is the result of all jobs together.
type refreshed struct {
	Jobs     []string          `json:"jobs"` // their ids
	Total    int               `json:"total"`
	Done     int               `json:"done"`
	Updated  int               `json:"updated"`
	Errors   int               `json:"errors"`
	Degraded int               `json:"degraded"`
	Results  []v1.RosterResult `json:"results"`
	LeftOut  int               `json:"left_out"`
}

type refreshRequest struct {
	Users []string `json:"users,omitempty"`
	All   bool     `json:"all,omitempty"`
	Host  string   `json:"host,omitempty"`
	Force bool     `json:"force,omitempty"`
}

// refresh refreshes the rosters of some users, or all. After an error, the sum has the
// jobs before it.
func (f *refresher) refresh(ctx context.Context, all bool, users []string) error {
	if all {
		return f.job(ctx, refreshRequest{All: true, Host: f.host, Force: f.force}, 0)
	}
	parts := batches(users)
	total := 0
	for _, part := range parts {
		total += len(part)
	}
	for _, part := range parts {
		if err := f.job(ctx, refreshRequest{Users: part, Host: f.host, Force: f.force}, total); err != nil {
			return err
		}
	}
	return nil
}

// How often a job is polled: soon at first, as small ones are done soon.
const (
	pollFirst = 10 * time.Millisecond
	pollEvery = 200 * time.Millisecond
)

// ofUser is where a user of the request was wrong.
var ofUser = regexp.MustCompile(`^users\[\d+\]: `)

// job does one job and adds it to the sum. total is that of all jobs; 0: of
// this one.
func (f *refresher) job(ctx context.Context, q refreshRequest, total int) error {
	j, err := f.ask(ctx, instance.Request{Path: "/v1/rosters/refresh", Body: q})
	if no, ok := errors.AsType[*instance.Error](err); ok {
		no.Text = ofUser.ReplaceAllString(no.Text, "") // it names the user; there was no such list on the command line
	}
	if err != nil {
		return err
	}
	if total == 0 {
		total = j.Total
	}
	path := v1.JobPath(url.PathEscape(j.ID))
	ended := func(err error) error {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted; the refresh goes on in stanzahook, and GET %s shows it", path)
		}
		return fmt.Errorf("the refresh has begun, and GET %s shows it, but: %w", path, err)
	}
	for wait := pollFirst; j.State == roster.JobRunning; wait = min(2*wait, pollEvery) {
		f.bar.show(f.sum.Done+j.Done, total)
		if err := pause(ctx, wait); err != nil {
			return ended(err)
		}
		if j, err = f.ask(ctx, instance.Request{Path: path, Query: url.Values{"results": {"0"}}}); err != nil {
			return ended(err)
		}
	}
	f.bar.show(f.sum.Done+j.Done, total)
	if j, err = f.ask(ctx, instance.Request{Path: path}); err != nil {
		return ended(err)
	}
	f.sum.add(j)
	if j.State == roster.JobInterrupted {
		return fmt.Errorf("stanzahook stopped when %d of %d rosters were done; refresh again: it changes only what is left", j.Done, j.Total)
	}
	return nil
}

// ask makes a request whose answer is a job, and repeats it while there are too many.
func (f *refresher) ask(ctx context.Context, r instance.Request) (*v1.Job, error) {
	for {
		answer, err := f.Send(ctx, r)
		if no, ok := errors.AsType[*instance.Error](err); ok && no.Status == http.StatusTooManyRequests && pause(ctx, max(no.RetryAfter, pollEvery)) == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		return instance.Decode[v1.Job](answer)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *refreshed) add(j *v1.Job) {
	s.Jobs = append(s.Jobs, j.ID)
	s.Total += j.Total
	s.Done += j.Done
	s.Updated += j.Updated
	s.Errors += j.Errors
	s.Degraded += j.Degraded
	s.Results = append(s.Results, j.Results...)
	s.LeftOut += j.LeftOut
}

func (f *refresher) printJSON(w io.Writer) error {
	s := f.sum
	if s.Jobs == nil {
		s.Jobs = []string{}
	}
	if s.Results == nil {
		s.Results = []v1.RosterResult{}
	}
	return encodeJSON(w, s)
}

// print lists the rosters whose refresh is incomplete, and counts all.
func (f *refresher) print(stdout, stderr io.Writer) {
	s, printed := f.sum, 0
	for _, one := range s.Results {
		if one.Result == roster.Applied || one.Result == roster.Unchanged {
			continue
		}
		printed++
		fmt.Fprintf(stderr, "%s: %s: %s\n", terminal.Harmless(one.User), terminal.Harmless(string(one.Result)), text(one.Detail, ""))
	}
	if more := s.Errors + s.Degraded - printed; more > 0 {
		fmt.Fprintf(stderr, "… and %d more\n", more)
	}
	fmt.Fprintf(stdout, "%s: %d updated", plural.Count(s.Total, "roster"), s.Updated)
	if s.Degraded > 0 {
		fmt.Fprintf(stdout, " (%d of them only in part)", s.Degraded)
	}
	fmt.Fprintf(stdout, ", %d failed", s.Errors)
	if left := s.Total - s.Done; left > 0 {
		fmt.Fprintf(stdout, ", %d not begun", left)
	}
	fmt.Fprintln(stdout)
}
