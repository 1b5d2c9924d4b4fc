package stream

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A stream that has its settings is not changed when it is opened, one with others is, and what a newer version has
// set stays.
func TestSettings(t *testing.T) {
	kinds := map[string]Config{
		"sequenced": ordered, "consumed once": {Name: "OUT", About: "outbox", Subjects: "out.>", MaxBytes: 1 << 20, MaxRecords: 1000, RefuseNew: true, ConsumeOnce: true},
		"key value": {Name: "KV_x", About: "x", Subjects: "$KV.x.>", KeyValue: true, MaxPerSubject: 1}, "by age": {Name: "LOG", About: "log", Subjects: "log.*", MaxAge: time.Second, MaxBytes: 1 << 20},
	}
	for name, c := range kinds {
		t.Run(name, func(t *testing.T) {
			url := serveNATS(t, true).ClientURL()
			s, js := reach(t, url, nil)
			nc, err := nats.Connect(url)
			require.NoError(t, err)
			defer nc.Close()
			// The request for a change, not what the server tells of it afterwards, which has no order with its answer.
			changes, err := nc.SubscribeSync("$JS.API.STREAM.UPDATE.>")
			require.NoError(t, err)
			mark, err := nc.SubscribeSync("mark")
			require.NoError(t, err)
			require.NoError(t, nc.Flush())
			// What a connection sends comes here in its order.
			changed := func() int {
				t.Helper()
				require.NoError(t, s.engine.Load().nc.Publish("mark", nil))
				if _, err := mark.NextMsg(10 * time.Second); err != nil {
					t.Fatal(err)
				}
				n, _, err := changes.Pending()
				for range n {
					if err == nil {
						_, err = changes.NextMsg(time.Second)
					}
				}
				require.NoError(t, err)
				return n
			}
			open := func(c Config) jetstream.StreamConfig {
				t.Helper()
				require.NoError(t, s.Stream(c).Open(t.Context()))
				stream, err := js.Stream(t.Context(), "lab_"+c.Name)
				require.NoError(t, err)
				return stream.CachedInfo().Config
			}
			open(c)
			changed()
			if open(c); changed() != 0 {
				t.Error("a stream was changed that has its settings")
			}
			larger := c
			larger.MaxBytes = 1 << 27
			if now := open(larger); now.MaxBytes != 1<<27 || changed() != 1 {
				t.Errorf("%d bytes, want more", now.MaxBytes)
			}
			newer := open(larger)
			newer.Metadata[formatKey], newer.MaxBytes, newer.Subjects = strconv.Itoa(settingsFormat+1), 1<<28, append(newer.Subjects, "lab.newer.>")
			if _, err := js.UpdateStream(t.Context(), newer); err != nil {
				t.Fatal(err)
			}
			changed()
			if now := open(c); now.MaxBytes != 1<<28 || len(now.Subjects) != 2 || changed() != 0 {
				t.Errorf("%d bytes, %s: not as the newer version has set it", now.MaxBytes, strings.Join(now.Subjects, " "))
			}
			earlier := newer
			earlier.Metadata, earlier.MaxBytes, earlier.Subjects = nil, 1<<27, earlier.Subjects[:1] // of a version before formats
			if _, err := js.UpdateStream(t.Context(), earlier); err != nil {
				t.Fatal(err)
			}
			if now := open(larger); now.Metadata[formatKey] != strconv.Itoa(settingsFormat) {
				t.Errorf("%v: not as it is set now", now.Metadata)
			}
		})
	}
}
