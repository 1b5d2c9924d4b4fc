package config

import (
	"reflect"
	"strings"
	"time"

	"stanzahook/pkg/secret"
)

// walk visits every key of a section and of the sections in it, with its value. The path
// of a list's elements ends in [], and their values are zero.
func walk(section reflect.Value, path string, visit func(path, name string, value reflect.Value)) {
	for _, f := range fieldsOf(section.Type()) {
		inner, suffix := section.FieldByIndex(f.Index), ""
		visit(path, nameOf(f), inner)
		if inner.Kind() == reflect.Slice {
			inner, suffix = reflect.Zero(f.Type.Elem()), "[]"
		}
		if inner.Kind() == reflect.Struct && !isLeaf(inner.Type()) {
			walk(inner, join(path, nameOf(f))+suffix, visit)
		}
	}
}

// isVariable reports whether an environment variable sets the keys of a section: no list
// is above them.
func isVariable(path string) bool { return !strings.Contains(path, "[]") }

// isLeaf reports whether a key of this type holds one value, and not a section
// or a list.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[ByteSize](), reflect.TypeFor[Share](), typeOfHistory,
		reflect.TypeFor[secret.String](), reflect.TypeFor[[32]byte]():
		return true
	}
	return false
}

// fieldsOf are the fields of a section that have a key.
func fieldsOf(section reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for i := range section.NumField() {
		if f := section.Field(i); nameOf(f) != "-" {
			fields = append(fields, f)
		}
	}
	return fields
}

func nameOf(f reflect.StructField) string { return f.Tag.Get("mapstructure") }

func namesOf(section reflect.Type) []string {
	var names []string
	for _, f := range fieldsOf(section) {
		names = append(names, nameOf(f))
	}
	return names
}

// sectionsWith are the paths of the sections that know a key, as "http" or
// "endpoints[].retry".
func sectionsWith(name string) (found []string) {
	walk(reflect.ValueOf(Config{}), "", func(path, key string, _ reflect.Value) {
		if key == name && path != "" {
			found = append(found, path)
		}
	})
	return found
}

// join makes the path of a key in a section.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// closest returns the known name that was probably meant: the same but for
// case and kind of dash, or a slip or two away. It returns "" for none.
func closest(name string, known []string) string {
	plain := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, distance := "", 1+min(2, len(plain)/3) // in short names every slip makes another word
	for _, k := range known {
		if d := slips(plain, strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// slips counts what turns a into b: letters too many, too few, wrong, or two
// neighbours swapped (the optimal string alignment distance).
func slips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			best := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				best = min(best, rows[i-2][j-2]+1)
			}
			rows[i][j] = best
		}
	}
	return rows[len(a)][len(b)]
}
