//go:build linux

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Binary is the program under test: these tests run it as its users do, as a
// process of its own.
var Binary string

// coverDir is where the program says which of its code has run; empty: nowhere. What is
// killed says nothing.
var coverDir = os.Getenv("STANZAHOOK_COVER")

// Main runs the tests of a package, as its TestMain: it builds the program before them,
// and ends the servers that they share after them. The program has the race detector, or,
// where what is covered is counted, that: both together make it twice as slow.
func Main(m *testing.M) { os.Exit(runAll(m)) }

// MainWithRace is Main for the tests in which most happens at a time: the program has the
// race detector in any case, and is not counted.
func MainWithRace(m *testing.M) {
	coverDir = ""
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if coverDir != "" {
		Binary, err = buildPlain()
	} else if Binary, err = buildProgram("stanzahook-race", []string{"-race"}); err != nil {
		// The race detector needs cgo, which is not everywhere.
		fmt.Fprintf(os.Stderr, "no build with -race, so without: %v\n", err)
		Binary, err = buildProgram("stanzahook", nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		for _, s := range sharedServers {
			if s.server != nil {
				_ = s.server.Close()
			}
		}
	}()
	return m.Run()
}

// buildPlain builds the program as the product is built.
func buildPlain() (string, error) { return buildProgram("stanzahook-plain", nil, "CGO_ENABLED=0") }

// WithoutRace runs the rest of a test with a program that was built without the
// race detector, whose speed and memory are those of the product.
func WithoutRace(t testing.TB) {
	t.Helper()
	plain, err := buildPlain()
	require.NoError(t, err)
	was := Binary
	Binary = plain
	t.Cleanup(func() { Binary = was })
}

// FullFaults reports whether the tests are to run in their full size.
func FullFaults() bool { return os.Getenv("STANZAHOOK_FAULTS") == "full" }

// FaultTimes returns how often a fault is to happen: STANZAHOOK_FAULT, a regular expression, chooses faults by
// name, and STANZAHOOK_TIMES replaces times.
func FaultTimes(t testing.TB, name string, times int) int {
	t.Helper()
	chosen, err := regexp.MatchString(os.Getenv("STANZAHOOK_FAULT"), name)
	if text := os.Getenv("STANZAHOOK_TIMES"); text != "" && err == nil {
		times, err = strconv.Atoi(text)
	}
	require.NoError(t, err)
	if !chosen {
		return 0
	}
	return times
}

// Version returns the version that the program under test has.
func Version(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(Page(t, "cmd/internal/build/VERSION"))
}

// buildProgram builds the program into bin/test, where the next package that wants it
// finds it: one at a time, as they are tested side by side.
func buildProgram(name string, flags []string, env ...string) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(dir, ".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if coverDir != "" {
		name += "-cover"
		flags = append(flags, "-cover", "-covermode=atomic", "-coverpkg=stanzahook/...")
	}
	file := filepath.Join(dir, name)
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags=-s -w", "-o", file}, flags...), "stanzahook/cmd/stanzahook")...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program does not build: %w\n%s", err, out)
	}
	return file, nil
}
