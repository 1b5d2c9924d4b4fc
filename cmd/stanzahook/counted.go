package main

import "fmt"

// counted is a number of things, for people: 1 token, 2 tokens.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
