package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// Systemd is who started the process and looks after it: systemd, or whoever
// else speaks its notify protocol (sd_notify(3)). Without one nothing happens.
type Systemd struct {
	watchdog  time.Duration // it ends a process that says nothing for so long; 0: never
	listening bool          // known since started
	log       *zap.Logger
}

// NewSystemd finds it by the environment: NOTIFY_SOCKET and WATCHDOG_USEC.
func NewSystemd(log *zap.Logger) (*Systemd, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false) // startAnew needs it again
	if err != nil {
		return nil, fmt.Errorf("the service manager's watchdog: %w", err)
	}
	return &Systemd{watchdog: watchdog, log: log}, nil
}

// notify sends a message of one or more assignments, and reports whether there is
// somebody to send it to.
func (s *Systemd) notify(assignments ...string) bool {
	there, err := daemon.SdNotify(false, strings.Join(assignments, "\n"))
	if err != nil {
		// It will think that we hang; the log then says why.
		s.log.Warn("cannot notify systemd", zap.Error(err))
		return true
	}
	return there
}

const (
	statusPause = time.Second
	// restartTime is how long a process may take that starts anew: recovering a
	// large store after a failure of the disk takes minutes.
	restartTime = 10 * time.Minute
	// stopTime is what stopping may take besides drain.
	stopTime = 30 * time.Second
)

// Started says that the program listens and its store is open. The components
// need not be connected: that is the XMPP server's matter.
func (s *Systemd) Started() {
	lines := []string{daemon.SdNotifyReady}
	if s.watchdog > 0 {
		lines = append(lines, watchdogPeriod(s.watchdog)) // after StartsAnew it is another
	}
	s.listening = s.notify(lines...)
}

// Reloading says that the configuration is read again, and reloaded that this is
// over, whatever came of it.
func (s *Systemd) Reloading() { s.notify(daemon.SdNotifyReloading) }
func (s *Systemd) Reloaded()  { s.notify(daemon.SdNotifyReady) }

// Stopping says that the program ends, and how long that takes at most.
func (s *Systemd) Stopping(drain time.Duration) {
	most := drain + stopTime
	lines := []string{daemon.SdNotifyStopping, statusLine("stopping"), fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", most.Microseconds())}
	if s.watchdog > 0 {
		lines = append(lines, watchdogPeriod(max(most, s.watchdog)))
	}
	s.notify(lines...)
}

// Restarting says that the process is replaced by a fresh one, which has to open
// its store before it can say anything.
func (s *Systemd) Restarting() {
	lines := []string{statusLine("starting anew")}
	if s.watchdog > 0 {
		lines = append(lines, watchdogPeriod(restartTime))
	}
	s.notify(lines...)
}

func watchdogPeriod(d time.Duration) string { return fmt.Sprintf("WATCHDOG_USEC=%d", d.Microseconds()) }

// statusLine is a text for "systemctl status". What servers say is in it, so
// what would end the line is taken out.
func statusLine(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// Watch keeps the status up to date, and the watchdog quiet for as long as the
// process is well. It returns when ctx is done.
func (s *Systemd) Watch(ctx context.Context, status func() string, well func(context.Context) error) {
	if !s.listening {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.feedWatchdog(ctx, well)
	}()
	tick := time.NewTicker(statusPause)
	defer tick.Stop()
	for last := ""; ; {
		if now := status(); now != last {
			s.notify(statusLine(now))
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

// feedWatchdog tells the watchdog twice in its period that the process is well, each
// time after having asked. What is not well is asked again soon.
func (s *Systemd) feedWatchdog(ctx context.Context, well func(context.Context) error) {
	if s.watchdog == 0 {
		return
	}
	for {
		look, cancel := context.WithTimeout(ctx, s.watchdog/4)
		err := answer(look, well)
		cancel()
		pause := s.watchdog / 2
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("stanzahook is not well; if it stays so, the service manager's watchdog will end it", zap.Error(err))
			pause = s.watchdog / 20
		default:
			s.notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// answer is the answer of well, or an error when there is none until ctx is done:
// well asks for locks, and who waits for those heeds no context.
func answer(ctx context.Context, well func(context.Context) error) error {
	answered := make(chan error, 1)
	go func() { answered <- well(ctx) }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return errors.New("a part of it does not answer")
	}
}
