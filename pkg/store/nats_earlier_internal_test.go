package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store/internal/stream"
)

// What rooms, avatars, and messages that wait had in streams of their own is there after the first start of
// this version, also if an earlier start was killed on the way; and the streams are gone.
func TestStreamsOfAnEarlierVersion(t *testing.T) {
	srv := startNATS(t)
	o := Options{NATS: &NATS{URL: srv.ClientURL(), Name: "lab", Replicas: 1}, MaxBytes: 1 << 28}
	require.NoError(t, o.complete())
	ctx := t.Context()
	old, err := stream.Connect(ctx, o.NATS.remote(nil), stream.Options{MaxBytes: o.MaxBytes, MaxRecordBytes: minRecord, Log: o.Log})
	require.NoError(t, err)
	earlier := &Store{o: o, log: o.Log, srv: old, disk: &disk{srv: old, log: o.Log}}
	buckets := make([]bucket, 0, 4)
	for _, c := range []bucketConfig{roomsConfig(), avatarsConfig(), roomWait(&o), correctionWait(&o)} {
		b := earlier.bucket(c)
		require.NoError(t, b.st.Open(ctx))
		buckets = append(buckets, b)
	}
	rooms, avatars := Rooms{buckets[0]}, Avatars{buckets[1], avatarBytes(&o)}
	waiting, corrections := newWaiting(buckets[2], "", 1<<20, 1000), newWaiting(buckets[3], "", 1<<20, 1000)
	const n = 300
	for i := range n {
		require.NoError(t, rooms.Put(ctx, RoomRecord{Room: fmt.Sprintf("r%d@rooms.example.com", i), Bot: "echo@bot.example.com"}))
		require.NoError(t, waiting.Put(ctx, &WaitingMessage{Owner: fmt.Sprint("hook", i%9), Stanza: fmt.Sprint(i), Time: time.UnixMilli(1)}, "r@rooms.example.com", fmt.Sprint(i)))
	}
	require.NoError(t, rooms.Remove(ctx, "r7@rooms.example.com", "echo@bot.example.com"))
	require.NoError(t, avatars.Put(ctx, "abc", []byte("image")))
	require.NoError(t, corrections.Put(ctx, &WaitingMessage{Owner: "hook", Stanza: "a correction", Time: time.UnixMilli(1)}, "a@example.com", "1"))
	old.Stop()
	changed := "" // a room whose new record is later than the one of before
	for _, killed := range []bool{true, false} {
		s, err := Open(ctx, o)
		require.NoError(t, err)
		all, err := s.rooms.All(ctx)
		require.NoError(t, err)
		require.Len(t, all, n-1)
		for _, r := range all {
			require.Equal(t, r.Room == changed, len(r.Refused) > 0, r.Room)
		}
		image, err := s.avatars.Get(ctx, "abc")
		require.NoError(t, err)
		require.Equal(t, "image", string(image))
		list, err := s.waiting.Load(ctx)
		require.NoError(t, err)
		require.Len(t, list, n)
		for i, m := range list {
			require.Equal(t, fmt.Sprint(i), m.Stanza)
		}
		one, err := s.corrections.Load(ctx)
		require.NoError(t, err)
		require.Len(t, one, 1)
		for _, b := range buckets {
			there, err := s.srv.Stream(b.Config).Exists(ctx)
			require.NoError(t, err)
			require.False(t, there, b.Name)
		}
		if killed { // a part of the rooms is there still, and has come already
			states := s.endpoints.bucket
			states.prefix = "$KV.states."
			require.NoError(t, states.remove(ctx, layoutKey))
			b := s.bucket(roomsConfig())
			require.NoError(t, b.st.Open(ctx))
			for _, r := range all[:n/2] {
				require.NoError(t, (&Rooms{b}).Put(ctx, r))
			}
			all[0].Refused = []byte("since")
			require.NoError(t, s.rooms.Put(ctx, all[0]))
			changed = all[0].Room
		}
		s.Close()
	}
}
