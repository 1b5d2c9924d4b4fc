#!/bin/sh
# Prints the licenses of the modules that the program is built of besides our own.
set -eu
cd "$(dirname "$0")/.."

# The same list wherever it is built for.
echo "stanzahook is built of its own code (Apache-2.0, see LICENSE) and of these modules."
GOOS=linux GOARCH=amd64 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/stanzahook |
	sort -u | while read -r path version dir; do
	[ -n "$dir" ] || continue
	texts=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname patents \) | sort)
	[ -n "$texts" ] || {
		echo "licenses.sh: $path has no license" >&2
		exit 1
	}
	printf '\n==== %s %s\n' "$path" "$version"
	echo "$texts" | while read -r text; do
		echo
		tr -d '\r\f' <"$text"
	done
done
