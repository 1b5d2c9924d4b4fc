package httpapi

import (
	"container/list"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"stanzahook/pkg/socket"
)

// arrivalsTick is how long arrivals wait at most: then the crowd may be over, or a request's time.
const arrivalsTick = 100 * time.Millisecond

// arrivals are new connections of which more has to come. Nothing of them is kept but the socket.
// Whoever waits for them waits for the listener as well: one goroutine is woken for either.
type arrivals struct {
	poll     *os.File // epoll(7), which the runtime polls as any other file
	raw      syscall.RawConn
	step     func(poll uintptr) bool // ready; a function of its own would be an allocation for each wait
	listener int32                   // in poll; -1: it is not
	always   int32                   // in poll, and always ready: an event comes whenever it is asked for
	yielding bool                    // it is to be asked for
	all      list.List               // of *visitor, the oldest first
	byFD     map[int32]*list.Element // of all
	events   [256]syscall.EpollEvent
	came     int // of events
	failed   error
	count    *atomic.Int64 // for the metrics
}

func newArrivals(count *atomic.Int64) (*arrivals, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // so that the runtime polls it
		_ = syscall.Close(fd)
		return nil, err
	}
	a := &arrivals{poll: os.NewFile(uintptr(fd), "epoll"), listener: -1, byFD: make(map[int32]*list.Element), count: count}
	a.step = a.ready
	always, err := socket.Event()
	if err != nil {
		_ = a.poll.Close()
		return nil, err
	}
	a.always = int32(always)
	if a.raw, err = a.poll.SyscallConn(); err == nil {
		err = a.poll.SetReadDeadline(time.Now().Add(arrivalsTick))
	}
	if err == nil {
		err = a.control(syscall.EPOLL_CTL_ADD, a.always, 0)
	}
	if err != nil {
		a.close()
	}
	return a, err
}

// control calls epoll_ctl(2).
func (a *arrivals) control(op int, fd int32, events uint32) (err error) {
	if e := a.raw.Control(func(poll uintptr) {
		err = syscall.EpollCtl(int(poll), op, int(fd), &syscall.EpollEvent{Fd: fd, Events: events})
	}); e != nil {
		return e
	}
	return err
}

// watch has wait wait for new connections, too, until unwatch.
func (a *arrivals) watch(listener syscall.RawConn) (err error) {
	if a.listener >= 0 {
		return nil
	}
	if e := listener.Control(func(fd uintptr) {
		if err = a.control(syscall.EPOLL_CTL_ADD, int32(fd), syscall.EPOLLIN); err == nil {
			a.listener = int32(fd)
		}
	}); e != nil {
		return e
	}
	return err
}

func (a *arrivals) unwatch(listener syscall.RawConn) {
	if a.listener < 0 {
		return
	}
	a.listener = -1
	_ = listener.Control(func(fd uintptr) { // an error means that it is closed, and so not in poll
		_ = a.control(syscall.EPOLL_CTL_DEL, int32(fd), 0)
	})
}

// epollET is EPOLLET: an event for each arrival.
const epollET = 1 << 31

// hold keeps a connection, if it does not already, until it is closed or let go.
func (a *arrivals) hold(v *visitor) error {
	fd := int32(v.socket.fd)
	if a.byFD[fd] != nil {
		return nil
	}
	if err := a.control(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN|syscall.EPOLLRDHUP|epollET); err != nil {
		return err
	}
	a.byFD[fd] = a.all.PushBack(v)
	a.count.Add(1)
	v.socket.closed = func() { a.forget(fd) }
	return nil
}

// letGo gives up a connection, which somebody else has from here on.
func (a *arrivals) letGo(v *visitor) {
	fd := int32(v.socket.fd)
	if a.byFD[fd] == nil {
		return
	}
	_ = a.control(syscall.EPOLL_CTL_DEL, fd, 0) // a duplicate would stay there
	a.forget(fd)
	v.socket.closed = nil
}

func (a *arrivals) forget(fd int32) {
	a.all.Remove(a.byFD[fd])
	delete(a.byFD, fd)
	a.count.Add(-1)
}

// wait waits until something comes, at most for a tick, and reports whether new connections did. There is
// an error after close. With yield it does not wait, but lets the runtime see first what has
// come for others: with one core it looks only when a goroutine waits, or after 10 ms. Whatever has
// come for them is served first.
func (a *arrivals) wait(yield bool) (newOnes bool, err error) {
	a.came, a.failed, a.yielding = 0, nil, yield
	err = a.raw.Read(a.step)
	runtime.Gosched()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = a.poll.SetReadDeadline(time.Now().Add(arrivalsTick))
	}
	if err == nil {
		err = a.failed
	}
	for _, e := range a.events[:a.came] {
		newOnes = newOnes || e.Fd == a.listener
	}
	return newOnes, err
}

// ready takes what has come, and reports false if nothing has.
func (a *arrivals) ready(poll uintptr) bool {
	if a.yielding {
		a.yielding = false
		if syscall.EpollCtl(int(poll), syscall.EPOLL_CTL_MOD, int(a.always), &syscall.EpollEvent{Fd: a.always, Events: syscall.EPOLLIN | syscall.EPOLLONESHOT}) == nil {
			return false // the runtime polls, and comes again
		}
	}
	n, err := syscall.EpollWait(int(poll), a.events[:], 0)
	if a.came, a.failed = max(n, 0), nil; err != nil && err != syscall.EINTR {
		a.failed = os.NewSyscallError("epoll_wait", err)
	}
	return err != nil || n > 0
}

// each calls look for connections of which more has come, and says if that is all.
func (a *arrivals) each(look func(v *visitor, over bool)) {
	for _, e := range a.events[:a.came] {
		if at := a.byFD[e.Fd]; at != nil { // else it is the listener, or was closed for another one
			look(at.Value.(*visitor), e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0)
		}
	}
}

// oldest returns the connection that came first; nil if there is none.
func (a *arrivals) oldest() *visitor {
	if e := a.all.Front(); e != nil {
		return e.Value.(*visitor)
	}
	return nil
}

func (a *arrivals) close() {
	if a.poll.Close() == nil {
		_ = syscall.Close(int(a.always))
	}
}
