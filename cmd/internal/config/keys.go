package config

import (
	"reflect"
	"strings"
	"time"

	"stanzahook/pkg/secret"
)

// leaf is a key outside lists that holds one value.
type leaf struct {
	key   string
	value reflect.Value
}

// leaves are the single values of a section and of the sections in it, without
// those in lists.
func leaves(section reflect.Value, path string) []leaf {
	var all []leaf
	for _, f := range fieldsOf(section.Type()) {
		value := section.FieldByIndex(f.Index)
		switch key := join(path, nameOf(f)); {
		case isLeaf(f.Type):
			all = append(all, leaf{key, value})
		case f.Type.Kind() == reflect.Struct:
			all = append(all, leaves(value, key)...)
		}
	}
	return all
}

// isLeaf reports whether a key of this type holds one value, and not a section
// or a list.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[ByteSize](),
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
func sectionsWith(name string, section reflect.Type, path string) []string {
	var found []string
	for _, f := range fieldsOf(section) {
		if nameOf(f) == name && path != "" {
			found = append(found, path)
		}
		inner, suffix := f.Type, ""
		if inner.Kind() == reflect.Slice {
			inner, suffix = inner.Elem(), "[]"
		}
		if inner.Kind() == reflect.Struct && !isLeaf(inner) {
			found = append(found, sectionsWith(name, inner, join(path, nameOf(f))+suffix)...)
		}
	}
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
