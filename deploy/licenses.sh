#!/bin/sh
# Prints the licenses of the modules, and of the files in the console, that the program is
# built of besides our own:
#
#   licenses.sh          their texts, for what is given away with the program
#   licenses.sh --list   one line for each module, with the name of its license; fails
#                        if one is not among those that go together with ours
set -eu
cd "$(dirname "$0")/.."

list=
case ${1:-} in
--list) list=yes ;;
'') ;;
*)
	echo "usage: licenses.sh [--list]" >&2
	exit 2
	;;
esac

# Prints the name of the license whose text is in the files $1, one in a line.
name() {
	echo "$1" | while read -r file; do cat "$file"; done | tr -s '\r\f\n\t ' ' ' | awk '
		/Apache License,? Version 2\.0/ {print "Apache-2.0"; exit}
		/Mozilla Public License,? [Vv]ersion 2\.0/ {print "MPL-2.0"; exit}
		/GNU (AFFERO |LESSER )?GENERAL PUBLIC LICENSE/ {exit}
		/Permission is hereby granted, free of charge/ {print "MIT"; exit}
		/Redistribution and use in source and binary forms/ {print /[Nn]either the name/ ? "BSD-3-Clause" : "BSD-2-Clause"; exit}
		/Permission to use, copy, modify, and\/or distribute/ {print "ISC"; exit}'
}

[ -n "$list" ] || echo "stanzahook is built of its own code (Apache-2.0, see LICENSE) and of these modules."
# The same list wherever it is built for.
GOOS=linux GOARCH=amd64 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/stanzahook |
	sort -u | while read -r path version dir; do
	[ -n "$dir" ] || continue
	texts=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname patents \) | sort)
	[ -n "$texts" ] || {
		echo "licenses.sh: $path has no license" >&2
		exit 1
	}
	if [ -n "$list" ]; then
		license=$(name "$texts")
		[ -n "$license" ] || {
			echo "licenses.sh: what license $path has is not known here, or is one that asks for more than ours; look at $dir" >&2
			exit 1
		}
		printf '%-14s %s %s\n' "$license" "$path" "$version"
		continue
	fi
	printf '\n==== %s %s\n' "$path" "$version"
	echo "$texts" | while read -r text; do
		echo
		tr -d '\r\f' <"$text"
	done
done

# The console has files of other programs in it.
console=httpapi/console
if [ -n "$list" ]; then
	tr -d '\n' <$console/vendored.json | tr '{' '\n' | sed -n 's/.*"package": "\([^"]*\)", "version": "\([^"]*\)", "license": "\([^"]*\)".*/\3 \1 \2/p' | sort -u |
		while read -r license name version; do printf '%-14s %s %s\n' "$license" "$name" "$version"; done
else
	printf '\n==== the console\n\n'
	cat $console/files/vendored/licenses.txt
fi
