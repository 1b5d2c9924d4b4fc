//go:build integration

package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noProcesses checks that no process of a server is left, helpers of ejabberd
// included: those end by themselves a moment after it.
func noProcesses(t *testing.T, ctx context.Context, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		left := processesOf(t, dir)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("processes are left: %q", left)
			return
		}
	}
}

// processesOf lists the processes that were started with a HOME of dir, which all
// of a server's are. It needs /proc.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(files) == 0 {
		t.Fatalf("no /proc to look for processes in (%v)", err)
	}
	var found []string
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil { // another user's, or gone; of a zombie it is empty
			continue
		}
		if strings.Contains("\x00"+string(environ), "\x00HOME="+dir+"\x00") {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, filepath.Base(filepath.Dir(file))+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}
