package store

import "stanzahook/pkg/store/internal/stream"

// What each kind of record may take of the disk.

// eventBytes is what the queues of events may hold: half of all, or what the
// outbox, the delivery log and the dead letters leave if that is less.
func eventBytes(o *Options) int64 {
	return max(o.MaxBytes/8, min(o.MaxBytes/2, o.MaxBytes-o.OutboxBytes-logBytes(o)-deadBytes(o)-rosterBytes(o)*9/8-smallBytes(o)))
}

// smallBytes is what everything else may take. The streams of NATS reserve what they may
// take, so there must be room for the sum of all.
func smallBytes(o *Options) int64 {
	small := max(o.MaxBytes/16, idempotencyBytes(o)+sentBytes(o)+answeredBytes(o)+threadBytes(o)+questionBytes(o)+waitingBytes(o)+correctionBytes(o)+avatarBytes(o))
	if o.NATS != nil {
		// The last is for the stream by which "check --live" tries the account.
		small += natsBuckets*stream.BucketBytes(o.MaxBytes) + max(2<<20, o.MaxBytes/256)
	}
	return small
}

// natsBuckets is how many buckets without a bound of their own there is room for: that of
// subscribers, and what states.go has besides avatars.
const natsBuckets = 1 + statesBuckets

// statesBuckets is how many of these the stream of states is as large as, besides avatars. Avatars
// leave half of that to others.
const statesBuckets = 4

// statesBytes is for what states.go has on NATS, also avatars.
func statesBytes(o *Options) int64 {
	return avatarBytes(o) + statesBuckets*stream.BucketBytes(o.MaxBytes)
}

// streamBytes bounds the stream of new events and that of those that wait; 0: no bound but
// MaxBytes. Streams of NATS reserve their bounds, so these have a half each of what events
// may take, and what is accepted ends before: see acceptBytes.
func streamBytes(o *Options) int64 {
	if o.NATS == nil {
		return 0
	}
	return eventBytes(o) / 2
}

// acceptBytes is what the queues may hold before nothing more is accepted. On NATS an event
// must have room in either stream, with those that are under way.
func acceptBytes(o *Options) int64 {
	if o.NATS == nil {
		return eventBytes(o)
	}
	return streamBytes(o) * 7 / 8
}

func deadBytes(o *Options) int64 { return max(1<<20, min(o.DeadBytes, o.MaxBytes/4)) }

func logBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/8) }

// rosterBytes is for the records of rosters; jobs may take an eighth of that.
func rosterBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/16) }

func idempotencyBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/32) }

func sentBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/64) }

// answeredBytes is for some 40,000 conversations, fewer in a small store. The oldest go.
func answeredBytes(o *Options) int64 { return min(4<<20, o.MaxBytes/256) }

// threadBytes is for MaxThreads, fewer in a small store. The oldest go.
func threadBytes(o *Options) int64 { return min(8<<20, o.MaxBytes/128) }

// questionBytes is for message.MaxQuestions, fewer in a small store. The oldest go.
func questionBytes(o *Options) int64 { return min(8<<20, o.MaxBytes/128) }

// avatarBytes is for the avatars of bots of the API.
func avatarBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/32) }

// waitingBytes is for the messages that wait for their rooms.
func waitingBytes(o *Options) int64 { return min(32<<20, o.MaxBytes/64) }

// correctionBytes is for the corrections that wait.
func correctionBytes(o *Options) int64 { return min(8<<20, o.MaxBytes/256) }
