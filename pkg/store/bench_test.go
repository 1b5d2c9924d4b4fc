package store_test

import (
	"testing"

	"go.uber.org/zap"

	"stanzahook/pkg/store"
)

// BenchmarkQueue is the cost of an event from Append to its removal.
func BenchmarkQueue(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Sync: store.SyncInterval, MaxBytes: 4 << 30, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	q, err := s.Queues().Open(b.Context(), "echo")
	if err != nil {
		b.Fatal(err)
	}
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
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Sync: store.SyncInterval, MaxBytes: 4 << 30, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	q, err := s.Queues().Open(b.Context(), "echo")
	if err != nil {
		b.Fatal(err)
	}
	const n = 7000
	stored := make(chan struct{}, n)
	for i := range n {
		if err := q.Append(record(i, i%7), func(uint64, error) { stored <- struct{}{} }); err != nil {
			b.Fatal(err)
		}
	}
	for range n {
		<-stored
	}
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
