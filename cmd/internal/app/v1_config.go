package app

import "stanzahook/httpapi/v1"

// shownConfig is v1.Options.Config.
func (a *App) shownConfig() v1.Config {
	cfg := a.current.Load().cfg
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
