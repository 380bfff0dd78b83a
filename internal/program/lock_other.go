//go:build !unix

package program

import (
	"errors"
	"io/fs"
	"os"
)

// Windows deletes no file that somebody has open: what can't be deleted is held.
func take(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errHeld
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func surviveLimits() {}
