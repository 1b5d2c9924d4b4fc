package webhook

import "testing"

// What a format costs for one event: the request, and a short reply.
func BenchmarkFormat(b *testing.B) {
	ev := eventOf(b, receiptWanted)
	e := &Endpoint{Name: "echo"}
	for _, f := range []Format{FormatEvent, FormatRestJSON, FormatRestXML, FormatComponentHTTP} {
		d := formatOf(f)
		a := &Answer{Status: 200, MediaType: mediaJSON, Body: []byte(`{"type":"chat","body":"Did you say hi?"}`)}
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.encode(nil, e, ev); err != nil {
					b.Fatal(err)
				}
				if v := d.judge(e, ev, a); len(v.Replies) != 1 {
					b.Fatal(v)
				}
			}
		})
	}
}
