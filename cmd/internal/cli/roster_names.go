package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// readNames reads the names of users in a file, or in stdin if that is "-": one
// a line; empty lines and those that begin with # do not count.
func readNames(file string, stdin io.Reader) ([]string, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		defer f.Close()
		in = f
	}
	var names []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")) // some editors begin a file so
		if line != "" && line[0] != '#' {
			names = append(names, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--file %s: %w", file, err)
	}
	return names, nil
}

// maxBatch bounds the names of one request, in bytes of JSON, below the default of
// http.max_body_bytes.
const maxBatch = 64 << 10

// batches are names in parts that fit into a request, each name once.
func batches(names []string) [][]string {
	var all [][]string
	seen := make(map[string]bool, len(names))
	size := maxBatch
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		text, _ := json.Marshal(name) // a string always has a JSON form
		if size+len(text) >= maxBatch {
			all, size = append(all, nil), 0
		}
		last := len(all) - 1
		all[last] = append(all[last], name)
		size += len(text) + len(",")
	}
	return all
}
