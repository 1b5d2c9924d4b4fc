package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pseudoTerminal returns the side of a program, and what it has shown there so far (pty(7)).
func pseudoTerminal(t *testing.T) (program *os.File, shown func() string) {
	t.Helper()
	control := func(f *os.File, request uintptr, number *uint32) {
		t.Helper()
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(number))); code != 0 {
			t.Fatal(code)
		}
	}
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	var locked, number uint32
	control(screen, syscall.TIOCSPTLCK, &locked)
	control(screen, syscall.TIOCGPTN, &number)
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	var mu sync.Mutex
	var text strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 4096); ; {
			n, err := screen.Read(b)
			mu.Lock()
			text.Write(b[:n])
			mu.Unlock()
			if err != nil {
				return // closed by the program
			}
		}
	}()
	t.Cleanup(func() {
		_ = program.Close()
		<-ended
		_ = screen.Close()
	})
	return program, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

// send --file shows a bar that moves on a terminal, and removes it; what is no terminal gets none.
// The name of the file does nothing to the terminal.
func TestSendFileBar(t *testing.T) {
	const size = 64 << 20
	name := filepath.Join(t.TempDir(), "a\x1b[2Jb.bin")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, size))
	moves := regexp.MustCompile(`\b[1-9]\d?%`) // neither at its beginning nor at its end
	for _, onTerminal := range []bool{true, false} {
		terminal, shown := pseudoTerminal(t)
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/files" {
				for deadline := time.Now().Add(time.Minute); onTerminal && !moves.MatchString(shown()); time.Sleep(time.Millisecond) {
					if _, err := io.CopyN(io.Discard, r.Body, 64<<10); err != nil || time.Now().After(deadline) {
						t.Errorf("%v; the terminal has %q", err, shown())
						break
					}
				}
				n, err := io.Copy(io.Discard, r.Body)
				if err != nil || r.ContentLength != size {
					t.Error(n, r.ContentLength, err)
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"id":"file_1"}`)
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || !strings.Contains(string(body), `"files":[{"id":"file_1"}]`) {
				t.Errorf("%s %v", body, err)
			}
			_, _ = io.WriteString(w, `{"id":"m","state":"confirmed","ref":"r","files":[{"id":"m-1","state":"confirmed","ref":"s","url":"https://example.com/a"}]}`)
		}))
		var out, errs strings.Builder
		var to io.Writer = terminal
		if !onTerminal {
			to = &errs
		}
		if code := Run(t.Context(), []string{"send", "--api", api.URL, "--to", "u@example.com", "--file", name}, &out, to, Bridge{}); code != 0 {
			t.Errorf("%d: %s%s%s", code, out.String(), errs.String(), shown())
		}
		api.Close()
		switch {
		case !onTerminal:
			if errs.Len() > 0 || shown() != "" {
				t.Errorf("without a terminal: %q %q", errs.String(), shown())
			}
		case strings.Contains(shown(), "\x1b[2Jb"):
			t.Errorf("the name has cleared the screen: %q", shown())
		}
	}
}
