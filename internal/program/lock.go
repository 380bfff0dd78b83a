package program

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errHeld is what taking a lock gives that another process has.
var errHeld = errors.New("it is held by another process")

// lock keeps a folder's data for one process of a program: two would each keep
// sessions' failures, spent proofs and clients in memory of their own. The
// system lets go of the lock when the process ends, however it ends; commands
// that work beside the server don't take it.
func lock(name, dir string) (*os.File, error) {
	path := filepath.Join(dir, name+".lock")
	file, err := take(path)
	if errors.Is(err, errHeld) {
		who := ""
		if pid, err := os.ReadFile(path); err == nil && len(pid) > 0 {
			who = ", process " + strings.TrimSpace(string(pid)) + ","
		}
		return nil, Unusable{"DATA_DIR", dir, "another " + name + who + " is at work on it: expected a folder of this one's own, or that you stop the other"}
	}
	if err != nil {
		return nil, Unusable{"DATA_DIR", dir, "expected a folder to lock: " + err.Error()}
	}
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteString(strconv.Itoa(os.Getpid()) + "\n") // for people; the lock is what counts
	}
	return file, nil
}
