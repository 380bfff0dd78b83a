//go:build unix

package program

import (
	"os"
	"os/signal"
	"syscall"
)

func take(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if err == syscall.EWOULDBLOCK {
		return nil, errHeld
	}
	return nil, err
}

// surviveLimits makes an error of a file that may grow no more (RLIMIT_FSIZE), as
// of a full disk. By default it ends a Go program.
func surviveLimits() { signal.Ignore(syscall.SIGXFSZ) }
