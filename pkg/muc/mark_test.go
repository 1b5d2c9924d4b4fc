package muc_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"stanzahook/pkg/muc"
)

// A mark is what it was when it is read again, and short; a damaged one is refused.
func TestMarkIsStored(t *testing.T) {
	m := muc.Mark{First: time.Unix(1, 0).UTC(), Last: time.Unix(1_800_000_000, 5).UTC(), Nicks: []string{"Echo"}}
	for i := range 50 {
		m.Seen = append(m.Seen, muc.Seen{Key: 1<<64 - 1 - uint64(i), Unix: 1_800_000_000 - int64(i)})
	}
	for _, want := range []muc.Mark{m, {Seen: muc.Seens{{Key: 1, Unix: -1}}}, {}} {
		data, err := json.Marshal(want)
		if err != nil || len(data) > 1300 {
			t.Errorf("%v, %d bytes", err, len(data))
		}
		var got muc.Mark
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v\nnot %+v", err, got, want)
		}
	}
	for _, damaged := range []string{`{"seen":"AAAA"}`, `{"seen":"?"}`, `{"seen":[1]}`} {
		if err := json.Unmarshal([]byte(damaged), &muc.Mark{}); err == nil {
			t.Errorf("%s is read", damaged)
		}
	}
}
