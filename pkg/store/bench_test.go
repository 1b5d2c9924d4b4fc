package store_test

import (
	"testing"

	"stanzahook/pkg/store"
)

// BenchmarkQueue is the cost of an event from Append to its removal.
func BenchmarkQueue(b *testing.B) {
	s := openWith(b, store.Options{Dir: b.TempDir(), MaxBytes: 4 << 30})
	defer s.Close()
	q := queue(b, s, "echo")
	records := make([]*store.Record, 64)
	for i := range records {
		records[i] = record(i, i)
	}
	free := make(chan struct{}, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		free <- struct{}{}
		r := records[i%len(records)]
		if err := q.Append(r, func(seq uint64, err error) {
			if err != nil {
				b.Error(err)
			}
			q.Ack(r.Conversation, seq)
			<-free
		}); err != nil {
			b.Fatal(err)
		}
	}
	for range cap(free) {
		free <- struct{}{}
	}
}

// BenchmarkQueueRead reads what waits of a conversation, a page at a time.
func BenchmarkQueueRead(b *testing.B) {
	s := openWith(b, store.Options{Dir: b.TempDir(), MaxBytes: 4 << 30})
	defer s.Close()
	q := queue(b, s, "echo")
	const n = 7000
	fill(b, q, 0, n)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		after := uint64(0)
		for {
			list, err := q.Read(b.Context(), record(0, 3).Conversation, after, 64)
			if err != nil {
				b.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			after = list[len(list)-1].Seq
		}
	}
}
