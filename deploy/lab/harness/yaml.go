//go:build linux

package harness

import ()

// JoinYAML puts more into what is there already: lists behind each other, maps into
// each other.
func JoinYAML(there, more any) any {
	if list, ok := there.([]any); ok {
		return append(list, more.([]any)...)
	}
	into, ok := there.(map[string]any)
	if !ok {
		return more
	}
	for key, value := range more.(map[string]any) {
		if old, ok := into[key]; ok {
			value = JoinYAML(old, value)
		}
		into[key] = value
	}
	return into
}
