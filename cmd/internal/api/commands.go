package api

import (
	"context"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/component/commands"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
)

// Commands implements [v1.Commands].
type Commands struct {
	Config func() *config.Config // as it is now
	Table  *made.Table[config.Command]
	Served *commands.Commands
}

// List implements v1.Commands.
func (s *Commands) List(context.Context) ([]v1.Command, error) {
	cfg := s.Config()
	all := make([]v1.Command, 0, len(cfg.Commands))
	for i := range cfg.Commands {
		one := s.describe(&cfg.Commands[i])
		one.Keys = nil
		all = append(all, one)
	}
	return all, nil
}

func (s *Commands) describe(c *config.Command) v1.Command {
	t := s.Served.Tally(c.Node)
	one := v1.Command{Node: c.Node, Name: c.Name, Bots: c.Bots, Allow: c.Allow, Endpoint: c.Endpoint, Chat: c.Chat, Source: "config", Count: t.Count, Failed: t.Failed, LastTime: timeOrNil(t.LastTime)}
	if c.ByAPI() {
		one.Source, one.Keys = "api", c.Given
	}
	if t.LastError != "" {
		one.LastError = &v1.HookError{Time: t.ErrorTime.UTC(), Error: t.LastError}
	}
	return one
}

// Get implements v1.Commands.
func (s *Commands) Get(_ context.Context, node string) (v1.Command, error) {
	cfg := s.Config()
	for i := range cfg.Commands {
		if cfg.Commands[i].Node == node {
			return s.describe(&cfg.Commands[i]), nil
		}
	}
	return v1.Command{}, gateway.ErrNotFound
}

// Put implements v1.Commands.
func (s *Commands) Put(ctx context.Context, node string, keys []byte) (v1.Command, bool, error) {
	fresh, err := s.Table.Put(ctx, node, keys)
	if err != nil {
		return v1.Command{}, false, err
	}
	c, err := s.Get(ctx, node)
	return c, fresh, err
}

// Delete implements v1.Commands.
func (s *Commands) Delete(ctx context.Context, node string) error {
	return s.Table.Delete(ctx, node)
}

// Runs implements v1.Commands.
func (s *Commands) Runs(node string) ([]v1.CommandRun, error) {
	if _, err := s.Get(context.Background(), node); err != nil {
		return nil, err
	}
	all := []v1.CommandRun{}
	for _, r := range s.Served.Runs(node) {
		one := v1.CommandRun{Time: r.Time.UTC(), From: r.From, Bot: r.Bot, By: r.By(), Session: r.Session, Step: r.Step, Result: r.Result.String(), Error: r.Error, Milliseconds: r.Took.Milliseconds()}
		if !r.Room.IsZero() {
			one.Room = &r.Room
		}
		all = append(all, one)
	}
	return all, nil
}
