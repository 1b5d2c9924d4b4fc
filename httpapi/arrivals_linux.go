package httpapi

import (
	"container/list"
	"sync/atomic"
	"syscall"
)

// arrivals are new connections of which more has to come. Nothing of them is kept but the socket.
type arrivals struct {
	poll   int                     // epoll(7); -1: none yet
	all    list.List               // of *visitor, the oldest first
	byFD   map[int32]*list.Element // of all
	events [crowdBatch]syscall.EpollEvent
	count  *atomic.Int64 // for the metrics
}

func newArrivals(count *atomic.Int64) *arrivals {
	return &arrivals{poll: -1, byFD: make(map[int32]*list.Element), count: count}
}

// epollET is EPOLLET: an event for each arrival.
const epollET = 1 << 31

// hold keeps a connection, if it does not already, until it is closed or let go.
func (a *arrivals) hold(v *visitor) error {
	fd := int32(v.socket.fd)
	if a.byFD[fd] != nil {
		return nil
	}
	if a.poll < 0 {
		poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			return err
		}
		a.poll = poll
	}
	if err := syscall.EpollCtl(a.poll, syscall.EPOLL_CTL_ADD, int(fd), &syscall.EpollEvent{Fd: fd, Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | epollET}); err != nil {
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
	_ = syscall.EpollCtl(a.poll, syscall.EPOLL_CTL_DEL, int(fd), nil) // a duplicate would stay there
	a.forget(fd)
	v.socket.closed = nil
}

func (a *arrivals) forget(fd int32) {
	a.all.Remove(a.byFD[fd])
	delete(a.byFD, fd)
	a.count.Add(-1)
}

// each calls look for connections of which more has come, and says if that is all.
func (a *arrivals) each(look func(v *visitor, over bool)) {
	if a.all.Len() == 0 {
		return
	}
	n, err := syscall.EpollWait(a.poll, a.events[:], 0)
	if err != nil {
		return // the next round does it
	}
	for _, e := range a.events[:n] {
		if at := a.byFD[e.Fd]; at != nil { // else it was closed for another one
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
	if a.poll >= 0 {
		_ = syscall.Close(a.poll)
		a.poll = -1
	}
}
