package main

import "context"

func (a *app) listen(context.Context) error { _ = a.ready; return nil }
