//go:build linux

package harness

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// FreePort is a port on which nothing listens.
func FreePort(t testing.TB) string {
	t.Helper()
	address := FreeAddress(t)
	return address[strings.LastIndexByte(address, ':')+1:]
}

// StartProcess runs a bot until the test ends, and returns when it listens.
func StartProcess(t testing.TB, cmd *exec.Cmd, port string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("%s: %s", cmd, out.String())
		}
	})
	Eventually(t, cmd.String()+" listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

type helperProcess struct {
	Pid  int
	Said string // its first line
}

// Helper runs a program until the test ends, and returns when it has said
// something.
func Helper(t testing.TB, name string, args ...string) helperProcess {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &Logbook{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	Eventually(t, name+" is ready", func() bool { return strings.Contains(out.String(), "\n") })
	line, _, _ := strings.Cut(out.String(), "\n")
	return helperProcess{cmd.Process.Pid, line}
}

// CPUTime is the CPU time that the program has used so far.
func (p *Program) CPUTime() time.Duration {
	return time.Duration(ProcessCPU(p.Cmd.Process.Pid)) * time.Microsecond
}

// ProcessCPU is the user and system time of a process, in µs, to the nanosecond; 0: it has ended.
func ProcessCPU(pid int) float64 {
	// clock_getcpuclockid(3): the clock of a process is its complemented ID, and 2, which is that of the scheduler.
	var spent unix.Timespec
	if unix.ClockGettime(^int32(pid)<<3|2, &spent) != nil {
		return 0
	}
	return float64(spent.Nano()) / 1e3
}

// StatFields are the fields of a stat file behind the name, which may hold
// anything; none if the process has ended.
func StatFields(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// Ticks adds up times of 10 ms, in µs.
func Ticks(fields []string) float64 {
	sum := 0.0
	for _, f := range fields {
		n, _ := strconv.ParseFloat(f, 64) // the kernel writes numbers
		sum += n * 10_000
	}
	return sum
}

// Resident returns the resident memory of a program, in bytes, when it has not
// become less for a while.
func (p *Program) Resident() int64 {
	p.T.Helper()
	least, since := int64(1<<62), time.Now()
	Await(p.T, "the memory settles", time.Minute, func() bool {
		if n := p.ResidentNow(); n < least-1<<20 {
			least, since = n, time.Now()
		}
		return time.Since(since) > 5*time.Second
	})
	return least
}

func (p *Program) ResidentNow() int64 { return p.memory("VmRSS:") }

// Peak returns the most resident memory that a program has had, in bytes.
func (p *Program) Peak() int64 { return p.memory("VmHWM:") }

// memory is a line of proc(5), status.
func (p *Program) memory(line string) int64 {
	p.T.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	require.NoError(p.T, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == line {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			require.NoError(p.T, err)
			return n << 10
		}
	}
	p.T.Fatal("the system does not tell the resident memory")
	return 0
}

// FreeAddress is an address on which nothing listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
