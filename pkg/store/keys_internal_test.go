package store

import "testing"

// A record that an earlier version has stored is found by its key.
func TestKeysStayTheSame(t *testing.T) {
	for got, want := range map[string]string{
		sentKey("1", "bot.example.com", "juliet@example.com/balcony", "app"): "46peddsimi2wtv26.y7ht5pkvi5wp46nl.kii6vln5q6yycw4e",
		idempotencyKey("app\x00k"):            "mfyha.5e46fjazuvtht5hvlja5rrw2j53z3eph3offvxozwykwyficwchq",
		rosterKey("romeo", "example.com"):     "mv4gc3lqnrss4y3pnu.ojxw2zlp",
		callerToken(string(make([]byte, 65))): "1" + Conversation(string(make([]byte, 65)), ""),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
