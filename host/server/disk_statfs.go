//go:build linux || darwin || freebsd

package server

import "golang.org/x/sys/unix"

// diskFree returns how many bytes the disk of a directory has left for us. known is false where nobody says.
func diskFree(dir string) (free int64, known bool) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, false
	}
	return int64(disk.Bavail) * int64(disk.Bsize), true
}
