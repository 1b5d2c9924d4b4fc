package delivery

import "slices"

// fifo is a queue in memory.
type fifo[T any] struct {
	list []T
	head int
}

func (f *fifo[T]) push(x T) { f.list = append(f.list, x) }

// pop removes and returns the first one; there must be one.
func (f *fifo[T]) pop() T {
	var none T
	x := f.list[f.head]
	f.list[f.head] = none
	if f.head++; f.head == len(f.list) {
		f.list, f.head = f.list[:0], 0
	} else if f.head > 1024 && f.head > len(f.list)/2 {
		n := copy(f.list, f.list[f.head:])
		clear(f.list[n:])
		f.list, f.head = f.list[:n], 0
	}
	return x
}

// keep removes those that are not to be kept.
func (f *fifo[T]) keep(yes func(T) bool) {
	list := f.list[f.head:]
	kept := slices.DeleteFunc(list, func(x T) bool { return !yes(x) })
	f.list, f.head = append([]T(nil), kept...), 0
}

func (f *fifo[T]) len() int { return len(f.list) - f.head }
