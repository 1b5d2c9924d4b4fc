package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
)

func TestRosters(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	data, revision, err := s.Rosters().Get(ctx, "john", "example.com")
	if err != nil || data != nil || revision != 0 {
		t.Fatalf("%q %d %v", data, revision, err)
	}
	first, err := s.Rosters().Put(ctx, "john", "example.com", []byte("one"), 0)
	require.NoError(t, err)
	if _, err := s.Rosters().Put(ctx, "john", "example.com", []byte("another"), 0); !errors.Is(err, gateway.ErrChanged) {
		t.Errorf("a second first: %v", err)
	}
	second, err := s.Rosters().Put(ctx, "john", "example.com", []byte("two"), first)
	require.NoError(t, err)
	if _, err := s.Rosters().Put(ctx, "john", "example.com", []byte("late"), first); !errors.Is(err, gateway.ErrChanged) {
		t.Errorf("over an old revision: %v", err)
	}
	for _, at := range [][2]string{{"jérôme.*>", "example.com"}, {"john", "example.org"}} {
		if _, err := s.Rosters().Put(ctx, at[0], at[1], []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, dir)
	if data, revision, err := s.Rosters().Get(ctx, "john", "example.com"); string(data) != "two" || revision != second || err != nil {
		t.Errorf("after opening again: %q %d %v", data, revision, err)
	}
	var users []string
	for user, err := range s.Rosters().Users(ctx, "example.com") {
		require.NoError(t, err)
		users = append(users, user)
	}
	if slices.Sort(users); !slices.Equal(users, []string{"john", "jérôme.*>"}) {
		t.Errorf("%q", users)
	}
	for user := range s.Rosters().Users(ctx, "example.net") {
		t.Errorf("%q", user)
	}
}

func TestJobs(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	if data, err := s.Rosters().Job(ctx, "job_1"); data != nil || err != nil {
		t.Errorf("%q %v", data, err)
	}
	for _, text := range []string{"half", "whole"} {
		require.NoError(t, s.Rosters().PutJob(ctx, "job_1", []byte(text)))
	}
	if data, err := s.Rosters().Job(ctx, "job_1"); string(data) != "whole" || err != nil {
		t.Errorf("%q %v", data, err)
	}
}
