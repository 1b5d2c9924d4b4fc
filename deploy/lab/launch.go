package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// How long a server that answers, but not as ours should, is given to change its
// mind before it is taken for somebody else's.
const strangerPatience = 3 * time.Second

// launch starts the server once, on the ports it has, and waits until it is ready.
// If that fails nothing is left running.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.backend.prepare(s.config); err != nil {
		return err
	}
	info, err := s.output.Stat()
	if err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	p, err := StartProcess(s.backend.command(s.config), s.output)
	if err != nil {
		return err
	}
	s.setProcess(p)
	if err := s.awaitReady(ctx, p, info.Size()); err != nil {
		if text := Tail(s.logsFrom(info.Size())); text != "" {
			err = fmt.Errorf("%w\nThe end of its log:\n%s", err, text)
		}
		return errors.Join(err, p.kill())
	}
	return nil
}

// awaitReady returns nil once our own server, p, serves components and clients.
// Its output begins at logStart.
func (s *Server) awaitReady(ctx context.Context, p *Process, logStart int64) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var strangerSince time.Time
	patience := time.Second // with one probe
	for {
		exited := p.Exited() // before the log is read, which is complete then
		err := s.backend.diagnose(s.logsFrom(logStart))
		if err != nil {
			return err
		}
		if exited {
			return fmt.Errorf("it ended by itself: %w", p.Reason())
		}
		began := time.Now()
		if err = s.probe(ctx, p, patience); err == nil {
			return s.backend.diagnose(s.logsFrom(logStart)) // of what it printed meanwhile
		}
		if time.Since(began) >= patience {
			patience *= 2 // the machine may be that slow
		}
		switch {
		case !errors.Is(err, errRefused):
			strangerSince = time.Time{}
		case strangerSince.IsZero():
			strangerSince = time.Now()
		case time.Since(strangerSince) > strangerPatience:
			return fmt.Errorf("%w: %w", errPortTaken, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("it is not ready in time: %w (last: %w)", context.Cause(ctx), err)
		}
	}
}

// Tail returns the last lines of a log, for an error message.
func Tail(text string) string {
	const keep = 20
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > keep {
		lines = lines[len(lines)-keep:]
	}
	return strings.Join(lines, "\n")
}
