package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// lockFile is held locked by the process that works on a data directory, and holds its id.
const lockFile = "lock"

// lock makes a data directory this process's alone, until the lock is closed or the process ends,
// however it ends.
func lock(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockFile)
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		process := "another process"
		if id, err := os.ReadFile(path); err == nil && len(id) > 0 {
			process = "process " + strings.TrimSpace(string(id))
		}
		return nil, fmt.Errorf("%s is in use by %s: stop that server first, or name another directory with --data", dir, process)
	}
	// For the message above alone. Where a lock keeps its own process from writing (Windows), it does
	// without.
	_ = os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600)
	return lock, nil
}

// roomToStart is how many bytes must find room in a directory. A start needs them for the database's
// log and for what is compiled.
const roomToStart = 1 << 20

// prepare makes a directory, for the owner only, unless it is there, and makes sure that it can be
// written. The error says what is wrong with it and what to do.
func prepare(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = writeProbe(dir)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full (%w): free at least %d MiB there", dir, cause(err), roomToStart>>20)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be written (%w): mount its file system for writing", dir, cause(err))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be written by this user (%w): have its owner changed to the user that runs the server", dir, cause(err))
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is no directory, or not in one (%w): remove the file in the way", dir, cause(err))
	}
	return fmt.Errorf("%s cannot be used (%w): see to its disk", dir, cause(err))
}

// writeProbe writes a file and removes it.
func writeProbe(dir string) error {
	file, err := os.CreateTemp(dir, ".room-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, roomToStart))
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// cause is a failed call's error without the path, which the message names already.
func cause(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
