//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What users, or the web application, can do to rosters.
func rosterAttacks() []attack { return []attack{rosterDots(), rosterTags()} }

// addRoster gives the stage the rosters of localhost from a web application.
func (st *stage) addRoster(a *harness.ContactsApp, more string) {
	if st.server.Kind() == lab.Ejabberd {
		more += fmt.Sprintf(", ejabberd_api: {url: %q, user: %s@localhost, password: %s}", st.server.APIURL(), harness.RosterAdmin, harness.RosterPassword)
	}
	st.more += fmt.Sprintf("rosters:\n  - {host: localhost, component: %s, url: \"%s/contacts/%%s\"%s}\n", st.domain, a.Server.URL, more)
}

// A user whose name leads elsewhere in a URL has no roster from there.
func rosterDots() attack {
	var asked *otherPaths
	var app *harness.ContactsApp
	return attack{
		name: "roster dots",
		set: func(st *stage) {
			app = harness.NewContactsApp(st.t)
			app.Rest(harness.Says("{}"))
			asked = &otherPaths{}
			inner := app.Server.Config.Handler
			app.Server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.note(r)
				inner.ServeHTTP(w, r)
			})
			st.addRoster(app, "")
		},
		ready: func(st *stage) {
			harness.Eventually(st.t, "privileges granted", func() bool {
				return strings.Contains(st.program.Log.String(), "privileges granted")
			})
		},
		strike: func(ctx context.Context, st *stage) {
			_ = harness.Login(st.t, st.server, "..")
			_ = harness.Login(st.t, st.server, "grace")
			for app.Asked("grace") == 0 && lastsUntil(ctx, 10*time.Millisecond) {
			}
			for _, user := range []string{"..", "."} {
				_, _, body := st.call("POST", "/v1/rosters/"+strings.ReplaceAll(user, ".", "%2E")+"%40localhost/refresh", "admin", "")
				st.t.Logf("refresh of %s: %s", user, body)
			}
		},
		holds: func(st *stage) {
			if app.Asked("grace") == 0 {
				st.t.Error("no login causes a refresh")
			}
			if wrong := asked.all(); len(wrong) > 0 {
				st.t.Errorf("requests went elsewhere: %q", wrong)
			}
		},
	}
}

// otherPaths keeps which requests were for no user.
type otherPaths struct {
	mu    sync.Mutex
	paths []string
}

func (o *otherPaths) note(r *http.Request) {
	user, ok := strings.CutPrefix(r.RequestURI, "/contacts/")
	if ok && !strings.Contains(user, "/") && strings.Trim(user, ".") != "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paths = append(o.paths, r.RequestURI)
}

func (o *otherPaths) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.paths
}

// An ETag is a header, and comes back as one: one that nobody takes back is not kept.
func rosterTags() attack {
	var mu sync.Mutex
	longest, asked := 0, 0
	refresh := func(st *stage, user string) {
		status, _, body := st.call("POST", "/roster_admin/refresh", "admin", fmt.Sprintf("[%q]", user))
		if status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) && !strings.Contains(body, `"updated"`) || strings.Contains(body, `"failed"`) {
			st.t.Errorf("%s: %d %s", user, status, body)
		}
	}
	return attack{
		name: "roster tags",
		set: func(st *stage) {
			app := harness.NewContactsApp(st.t)
			answer := func(tag string, most int) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					longest, asked = max(longest, len(r.Header.Get("If-None-Match"))), asked+1
					mu.Unlock()
					if len(r.Header.Get("If-None-Match")) > most {
						w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
						return
					}
					w.Header().Set("ETag", tag)
					harness.Says("{}")(w, r)
				}
			}
			app.Answer("grace", answer(`"`+strings.Repeat("x", 20<<10)+`"`, 8<<10))
			app.Answer("heidi", answer(`"`+strings.Repeat("x", 900)+`"`, 500))
			app.Rest(harness.Says("{}"))
			st.addRoster(app, ", refresh_on_login: false")
		},
		strike: func(_ context.Context, st *stage) {
			for _, user := range []string{"grace", "grace", "heidi", "heidi", "grace", "heidi"} {
				refresh(st, user)
			}
		},
		holds: func(st *stage) {
			if longest > 1<<10 {
				st.t.Errorf("an ETag of %d bytes was sent back", longest)
			}
			if most := 10 * strikes(); asked > most {
				st.t.Errorf("6 refreshes made %d requests, at most %d are right", asked, most)
			}
		},
	}
}
