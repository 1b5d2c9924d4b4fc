// Package systemd notifies the service manager that started the process: systemd, or another
// with its notify protocol (sd_notify(3)). Without one it does nothing.
//
// # Laws
//
//   - The process is ready when it listens and its store is open, whatever the XMPP server does.
//   - The watchdog is fed while every part of the process responds, and only then: a part that
//     hangs ends the process.
//   - What takes long, such as a stop or a restart, is announced with the time that it may take.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// Manager is the service manager, or none.
type Manager struct {
	watchdog  time.Duration // it ends a process that is silent for so long; 0: never
	listening bool          // known from Started on
	log       *zap.Logger
}

// Find finds the service manager by the environment: NOTIFY_SOCKET and WATCHDOG_USEC.
func Find(log *zap.Logger) (*Manager, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false) // the process after a restart needs it
	if err != nil {
		return nil, fmt.Errorf("systemd watchdog: %w", err)
	}
	return &Manager{watchdog: watchdog, log: log}, nil
}

// notify sends a message of one or more assignments, and reports whether somebody
// listens.
func (m *Manager) notify(assignments ...string) bool {
	there, err := daemon.SdNotify(false, strings.Join(assignments, "\n"))
	if err != nil {
		// systemd will take the process for hung; the log says why.
		m.log.Warn("cannot notify systemd", zap.Error(err))
		return true
	}
	return there
}

const (
	statusPause = time.Second
	// restartTime bounds a restart of the process: recovering a large store after a
	// failure of the disk takes minutes.
	restartTime = 10 * time.Minute
	// stopTime is for what stopping takes besides drain.
	stopTime = 30 * time.Second
)

// Started says that the program listens and its store is open. The components
// need not be connected: that is the XMPP server's matter.
func (m *Manager) Started() {
	lines := []string{daemon.SdNotifyReady}
	if m.watchdog > 0 {
		lines = append(lines, watchdogPeriod(m.watchdog)) // Restarting has set another
	}
	m.listening = m.notify(lines...)
}

// Reloading says that a reload begins, Reloaded that it has ended.
func (m *Manager) Reloading() { m.notify(daemon.SdNotifyReloading) }
func (m *Manager) Reloaded()  { m.notify(daemon.SdNotifyReady) }

// Stopping says that the program ends, and how long that takes at most.
func (m *Manager) Stopping(drain time.Duration) {
	most := drain + stopTime
	lines := []string{daemon.SdNotifyStopping, statusLine("stopping"), fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", most.Microseconds())}
	if m.watchdog > 0 {
		lines = append(lines, watchdogPeriod(max(most, m.watchdog)))
	}
	m.notify(lines...)
}

// Restarting says that a fresh process replaces this one, and has to open the store
// before it can say anything.
func (m *Manager) Restarting() {
	lines := []string{statusLine("restarting")}
	if m.watchdog > 0 {
		lines = append(lines, watchdogPeriod(restartTime))
	}
	m.notify(lines...)
}

func watchdogPeriod(d time.Duration) string { return fmt.Sprintf("WATCHDOG_USEC=%d", d.Microseconds()) }

// statusLine is a text for "systemctl status". It quotes servers, so it replaces
// characters that would end the line.
func statusLine(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// Watch keeps the status up to date, and feeds the watchdog while alive returns no
// error. It returns when ctx is done.
func (m *Manager) Watch(ctx context.Context, status func() string, alive func(context.Context) error) {
	if !m.listening {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.feedWatchdog(ctx, alive)
	}()
	tick := time.NewTicker(statusPause)
	defer tick.Stop()
	for last := ""; ; {
		if now := status(); now != last {
			m.notify(statusLine(now))
			last = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			<-done
			return
		}
	}
}

// feedWatchdog checks twice in the period of the watchdog that the process is alive, and
// tells it so. After a failure it checks again soon.
func (m *Manager) feedWatchdog(ctx context.Context, alive func(context.Context) error) {
	if m.watchdog == 0 {
		return
	}
	for {
		check, cancel := context.WithTimeout(ctx, m.watchdog/4)
		err := answer(check, alive)
		cancel()
		pause := m.watchdog / 2
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.log.Error("health check failed", zap.Error(err), zap.String("hint", "if it keeps failing, systemd restarts stanzahook"))
			pause = m.watchdog / 20
		default:
			m.notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// answer calls alive, and returns an error if it has no answer before ctx is done: alive
// takes locks, and a lock heeds no context.
func answer(ctx context.Context, alive func(context.Context) error) error {
	answered := make(chan error, 1)
	go func() { answered <- alive(ctx) }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return errors.New("a part of the process does not respond")
	}
}
