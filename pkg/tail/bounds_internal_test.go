package tail

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Adding a delivery allocates nothing, with and without a reader; what one of them needs
// is not kept for the others.
func TestMemory(t *testing.T) {
	all := New(nil)
	d := &Delivery{ID: "evt_01JD", Endpoint: "echo", State: "delivered", Type: "message.chat", From: "juliet@example.com/balcony", To: "echo@bot.example.com", N: 1, Status: 200}
	for range 2 * remembered {
		all.Delivery(d)
	}
	if n := testing.AllocsPerRun(1000, func() { all.Delivery(d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	r, err := all.Open(Opening{})
	require.NoError(t, err)
	if n := testing.AllocsPerRun(1000, func() { all.Delivery(d) }); n != 0 {
		t.Errorf("%v allocations with a reader that does not read", n)
	}
	large := *d
	large.From, large.To = strings.Repeat("f", 3071), strings.Repeat("t", 3071)
	large.Reason, large.Error, large.Note = strings.Repeat("r", 1<<20), strings.Repeat("e", 1<<20), strings.Repeat("n", 1<<20)
	for range 2 * remembered {
		all.Delivery(&large)
	}
	if page, err := r.Next(t.Context(), 0); err != nil || len(page) < maxPage || len(page) > maxPage+16<<10 {
		t.Errorf("a page of %d bytes (%v)", len(page), err)
	}
	total := func() (n int) {
		for i := range all.slots {
			n += usualText
			if c := cap(all.slots[i].text); c > usualText {
				n += c
			}
		}
		for i := range all.frames {
			n += usualText + cap(all.frames[i].text) + cap(all.frames[i].full) + cap(all.frames[i].limited)
		}
		return n
	}
	if n := total(); n > 64<<20 {
		t.Errorf("the largest events take %d bytes", n)
	}
	for range 2 * remembered {
		all.Delivery(d)
	}
	for page := []byte{0}; len(page) > 0; {
		page, err = r.Next(t.Context(), 0)
		require.NoError(t, err)
	}
	if n := total(); n > 4<<20 {
		t.Errorf("the usual events take %d bytes", n)
	}
	r.Close()
	if all.frames != nil {
		t.Error("frames are kept without a reader")
	}
}

// BenchmarkAdd is what an event costs those who add it.
func BenchmarkAdd(b *testing.B) {
	all := New(nil)
	d := &Delivery{ID: "evt_01JD000000000000000000000", Endpoint: "echo", State: "delivered", Type: "message.chat", From: "juliet@example.com/balcony", To: "echo@bot.example.com", N: 1, Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		all.Delivery(d)
	}
}
