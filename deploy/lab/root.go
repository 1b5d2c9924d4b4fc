package lab

import "os"

// inRoot returns the command that runs another with a directory for its /, in the first
// of the directories that it has to see besides. They, and that of temporary files, are
// mounted there in a mount namespace that ends with the process.
func inRoot(root string, args []string, dirs ...string) []string {
	const script = `root=$1 tmp=$2 dir=$3 more=$4; shift 4
for d in "$tmp" "$dir" "$more"; do
	[ -n "$d" ] && [ ! -e "$root$d/." -o "$d" = "$tmp" ] || continue
	mkdir -p "$root$d"
	mount --bind "$d" "$root$d"
done
exec chroot "$root" /usr/bin/env -C "$dir" "$@"`
	for len(dirs) < 2 {
		dirs = append(dirs, "")
	}
	return append([]string{"unshare", "--mount", "--", "/bin/sh", "-ec", script, "sh", root, os.TempDir(), dirs[0], dirs[1]}, args...)
}
