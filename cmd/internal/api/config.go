package api

import (
	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
)

// Config shows a configuration, for v1.Options.Config.
func Config(cfg *config.Config) v1.Config {
	c := v1.Config{File: cfg.Origins.File, Items: []v1.ConfigItem{}}
	for _, i := range cfg.Items() {
		item := v1.ConfigItem{Key: i.Key, Value: i.Value, Source: i.Source}
		if i.Line > 0 {
			item.Line = &i.Line
		}
		c.Items = append(c.Items, item)
	}
	return c
}
