//go:build integration && console

package console

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/wrongbot"
)

// The pages, in a browser, against both servers. STANZAHOOK_CONSOLE is the directory
// with the modules of npm, where screenshots go too.
func TestConsole(t *testing.T) {
	dir := os.Getenv("STANZAHOOK_CONSOLE")
	if dir == "" {
		t.Fatal(`STANZAHOOK_CONSOLE is not set: run "make console-test"`)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	type page struct{ Kind, URL, Control string }
	stages, orders := make(map[string]*stage), make(chan given)
	var mu sync.Mutex
	var started sync.WaitGroup
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		started.Go(func() {
			s := newStage(t, kind)
			mu.Lock()
			defer mu.Unlock()
			stages[string(kind)] = s
		})
	}
	started.Wait()
	if t.Failed() || len(stages) != 2 {
		t.FailNow()
	}
	c := httptest.NewServer(control(ctx, stages, orders))
	defer c.Close()
	var pages []page
	for kind, s := range stages {
		pages = append(pages, page{kind, "http://" + s.listen, c.URL + "/" + kind})
	}
	text, err := json.Marshal(pages)
	require.NoError(t, err)
	wrong, err := json.Marshal(wrongbot.All())
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, "node", harness.Path(t, "deploy/test/console/pages.mjs"))
	cmd.Env = append(os.Environ(), "STAGES="+string(text), "WRONG_BOTS="+string(wrong), "README_SCREENSHOT="+os.Getenv("README_SCREENSHOT"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ended := make(chan error, 1)
	go func() { ended <- cmd.Run() }()
	for {
		select {
		case g := <-orders:
			g.done <- g.follow(g.order)
		case err := <-ended:
			if err != nil {
				t.Errorf("the pages: %v", err)
			}
			return
		}
	}
}
