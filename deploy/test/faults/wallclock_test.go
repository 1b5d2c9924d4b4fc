//go:build integration

package faults

import (
	"bufio"
	"bytes"
	"debug/elf"
	byteorder "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
)

// wallClock is the wall clock of one process, which can be set without those of
// others. Programs read the time by a function that the kernel maps into them (the
// vDSO, see vdso(7)); here another takes its place, which asks the kernel and adds
// an offset. As when the system's clock is set, the monotonic clock stays.
type wallClock struct {
	t      *testing.T
	pid    int
	mem    *os.File
	offset int64 // where the offset is
}

// clockCode is the function: clock_gettime(edi, rsi), in machine code of amd64.
var clockCode = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228    the system call clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi                     CLOCK_REALTIME?
	0x75, 0x0a, // jnz over the next two
	0x48, 0x8b, 0x0d, 0x0e, 0x00, 0x00, 0x00, // mov rcx, [rip+14]  the offset, at clockOffset
	0x48, 0x01, 0x0e, // add [rsi], rcx              to its seconds
	0xc3, // ret
}

const clockOffset = 32

// takeClock gets hold of the clock of a program. The program is stopped for it, at a
// moment at which it does not read the time.
func takeClock(t *testing.T, p *harness.Program) *wallClock {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Fatalf("this test has machine code for amd64, not for %s", runtime.GOARCH)
	}
	c := &wallClock{t: t, pid: p.Cmd.Process.Pid}
	mem, err := os.OpenFile(c.proc("mem"), os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("the memory of the program is out of reach: %v", err)
	}
	c.mem = mem
	t.Cleanup(func() { _ = mem.Close() })
	from, to := c.mapped("[vdso]")
	image := make([]byte, to-from)
	if _, err := mem.ReadAt(image, from); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(image))
	require.NoError(t, err)
	symbols, err := f.DynamicSymbols()
	require.NoError(t, err)
	at := int64(0)
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" && s.Size >= clockOffset+8 {
			at = from + int64(s.Value)
		}
	}
	if at == 0 {
		t.Fatal("the kernel's function that reads the clock is not where it should be")
	}
	c.offset = at + clockOffset
	harness.Eventually(t, "the program is stopped outside of it", func() bool {
		c.signal(syscall.SIGSTOP)
		defer c.signal(syscall.SIGCONT)
		if !c.outside(from, to) {
			return false
		}
		c.write(make([]byte, 8), c.offset)
		c.write(clockCode, at)
		return true
	})
	return c
}

func (c *wallClock) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", c.pid, name) }

func (c *wallClock) signal(s syscall.Signal) {
	require.NoError(c.t, syscall.Kill(c.pid, s))
}

func (c *wallClock) write(b []byte, at int64) {
	if _, err := c.mem.WriteAt(b, at); err != nil {
		c.t.Fatalf("the clock cannot be set: %v", err)
	}
}

// mapped returns where something is in the memory of the process.
func (c *wallClock) mapped(name string) (from, to int64) {
	c.t.Helper()
	f, err := os.Open(c.proc("maps"))
	require.NoError(c.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), name) {
			if n, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); n == 2 && err == nil {
				return from, to
			}
		}
	}
	c.t.Fatalf("%s is not mapped", name)
	return 0, 0
}

// outside reports whether all threads are stopped and none is in a piece of memory.
func (c *wallClock) outside(from, to int64) bool {
	tasks, err := filepath.Glob(c.proc("task/*"))
	require.NoError(c.t, err)
	for _, task := range tasks {
		stat, err := os.ReadFile(filepath.Join(task, "stat"))
		if err != nil {
			continue // it has ended
		}
		if _, after, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(after, "T") {
			return false
		}
		// The last number is where it is, see proc(5).
		text, err := os.ReadFile(filepath.Join(task, "syscall"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text))
		pc, err := strconv.ParseInt(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
		if err != nil || pc >= from && pc < to {
			return false
		}
	}
	return true
}

// set makes the clock differ from the system's by whole seconds.
func (c *wallClock) set(d time.Duration) {
	c.write(byteorder.LittleEndian.AppendUint64(nil, uint64(int64(d/time.Second))), c.offset)
}

// awaitClock waits until a program writes into its log that its clock differs by
// about so much.
func awaitClock(p *harness.Program, d time.Duration) {
	p.T.Helper()
	harness.Eventually(p.T, fmt.Sprintf("its clock differs by %v", d), func() bool {
		text := p.Log.String()
		_, last, found := strings.Cut(text[max(0, strings.LastIndex(text, `"time":`)):], `"time":"`)
		last, _, ends := strings.Cut(last, `"`)
		at, err := time.Parse(time.RFC3339Nano, last)
		off := time.Until(at) - d
		return found && ends && err == nil && off.Abs() < time.Minute
	})
}
