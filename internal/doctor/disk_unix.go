//go:build linux || darwin

package doctor

import "syscall"

// freeSpace is how many bytes a folder's disk has left for us.
func freeSpace(dir string) (bytes uint64, known bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, false
	}
	return stat.Bavail * uint64(stat.Bsize), true
}
