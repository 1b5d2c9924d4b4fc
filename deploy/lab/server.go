package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	startTimeout = 3 * time.Minute  // of Start and Restart, unless the context ends sooner
	stopTimeout  = 15 * time.Second // after which Stop kills
	attempts     = 3
	pollInterval = 20 * time.Millisecond
)

// Server is a server started by [Start]. Its methods may be called from several
// goroutines.
type Server struct {
	options Options
	backend backend
	config  config
	remove  bool // the directory is ours to remove
	output  *os.File

	life sync.Mutex // held while starting, stopping and closing

	mu     sync.Mutex // guards what follows
	proc   *Process   // the last one started; nil before the first
	closed bool
}

// Start starts a server and returns when clients and components can connect to it
// and all users exist. The context limits the start only, not the server's life.
// Whoever calls Start must call Close; on Linux the server also ends with the
// calling process.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := o.check()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	s, err := newServer(o)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	for range attempts {
		if err = s.pickPorts(); err != nil {
			break
		}
		if err = s.launch(ctx); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("lab: %s did not start: %w", o.Kind, err)
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newServer(o Options) (*Server, error) {
	b, err := newBackend(o)
	if err != nil {
		return nil, err
	}
	dir, remove, err := makeDir(o)
	if err != nil {
		return nil, fmt.Errorf("the server's directory: %w", err)
	}
	output, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		err = fmt.Errorf("the server's log: %w", err)
		if remove {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return nil, err
	}
	return &Server{
		options: o,
		backend: b,
		config:  newConfig(o, dir, os.Geteuid() == 0),
		remove:  remove,
		output:  output,
	}, nil
}

// makeDir makes the directory of a server, and says whether to remove it.
func makeDir(o Options) (dir string, remove bool, err error) {
	if o.Dir == "" {
		dir, err = os.MkdirTemp("", "stanzahook-lab-")
		return dir, true, err
	}
	if dir, err = filepath.Abs(o.Dir); err != nil {
		return "", false, err
	}
	return dir, false, os.MkdirAll(dir, 0o700)
}

// pickPorts finds ports for a first start; later ones keep them.
func (s *Server) pickPorts() error {
	var err error
	if s.config.ComponentPort = s.options.ComponentPort; s.config.ComponentPort == 0 {
		if s.config.ComponentPort, err = freePort(); err != nil {
			return err
		}
	}
	if s.config.ClientPort = s.options.ClientPort; s.config.ClientPort == 0 {
		s.config.ClientPort, err = freePort(s.config.ComponentPort)
	}
	if err != nil || !s.options.API {
		return err
	}
	s.config.APIPort, err = freePort(s.config.ComponentPort, s.config.ClientPort)
	return err
}

// Kind says which server it is.
func (s *Server) Kind() Kind { return s.options.Kind }

// ClientAddr is where clients connect, without TLS: 127.0.0.1:port.
func (s *Server) ClientAddr() string { return loopback(s.config.ClientPort) }

// ComponentAddr is where components connect: 127.0.0.1:port.
func (s *Server) ComponentAddr() string { return loopback(s.config.ComponentPort) }

// APIURL is where ejabberd's HTTP API is, if Options.API asked for it; the name
// of a command follows behind a slash.
func (s *Server) APIURL() string { return "http://" + loopback(s.config.APIPort) + "/api" }

// Host is the users' domain.
func (s *Server) Host() string { return s.config.Host }

// Dir is the directory the server runs in.
func (s *Server) Dir() string { return s.config.Dir }

// Group is the process group that the server and its helpers run in; 0 before
// the first start.
func (s *Server) Group() int {
	if p := s.process(); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Stop asks the server to shut down and waits until it has. If it takes too long,
// or the context ends, the server is killed. Data and ports stay for Restart.
func (s *Server) Stop(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	return s.stop(ctx)
}

func (s *Server) stop(ctx context.Context) error {
	p := s.process()
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Kill ends the server at once, as a power cut would, also while a Stop waits.
// Data and ports stay for Restart; what ejabberd had not yet written is lost.
func (s *Server) Kill() error {
	p := s.process()
	if p == nil {
		return nil
	}
	if err := p.kill(); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Restart starts the server again after Stop or Kill, with the same ports and
// data, and returns when it is as ready as after Start.
func (s *Server) Restart(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.isClosed() {
		return errors.New("lab: the server is closed, use Start for a new one")
	}
	if p := s.process(); p != nil && !p.Exited() {
		return errors.New("lab: the server is still running, use Stop or Kill first")
	}
	var err error
	for range attempts {
		if err = s.launch(ctx); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lab: %s did not start again: %w", s.options.Kind, err)
	}
	return nil
}

// SetComponents says which components the server accepts, and with which rights,
// from the next Restart on.
func (s *Server) SetComponents(all ...Component) error {
	s.life.Lock()
	defer s.life.Unlock()
	o := s.options
	o.Components = all
	if err := o.checkComponents(); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	s.options.Components = all
	s.config.setComponents(all)
	return nil
}

// Close ends the server and removes its directory, unless Options named one. It
// may be called more than once.
func (s *Server) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	var err error
	if s.remove {
		// No data to save: no need to wait for a shutdown.
		err = s.Kill()
	} else {
		err = s.stop(context.Background())
	}
	err = errors.Join(err, s.output.Close())
	if s.remove {
		err = errors.Join(err, os.RemoveAll(s.config.Dir))
	}
	return err
}

// Logs returns what the server has printed, over all its starts.
func (s *Server) Logs() string {
	return s.logsFrom(0)
}

func (s *Server) logsFrom(offset int64) string {
	text, err := io.ReadAll(io.NewSectionReader(s.output, offset, 1<<40))
	if err != nil {
		return fmt.Sprintf("(the server's log cannot be read: %v)", err)
	}
	return string(text)
}

func (s *Server) process() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

func (s *Server) setProcess(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc = p
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
