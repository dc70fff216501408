package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Directory is a [Place] in the file system.
type Directory string

// OpenDirectory returns the place in a directory, which the first backup makes, for its owner only, unless it
// is there.
func OpenDirectory(path string) (Directory, error) {
	path, err := filepath.Abs(path)
	return Directory(path), err
}

// unfinished begins the names of what is being written.
const unfinished = ".unfinished-"

// unfinishedAge is how long nothing has been written to what is certainly left.
const unfinishedAge = 24 * time.Hour

// Put writes a file that is on the disk when it has its name.
func (d Directory) Put(_ context.Context, name string, from io.Reader) (err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(string(d), unfinished+"*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = io.Copy(file, from)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(string(d), name)); err != nil {
		return err
	}
	return SyncDirectory(string(d))
}

// Names lists the files.
func (d Directory) Names(context.Context) (names []string, err error) {
	entries, err := os.ReadDir(string(d))
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// Remove removes a file.
func (d Directory) Remove(_ context.Context, name string) error {
	return os.Remove(filepath.Join(string(d), name))
}

// RemoveUnfinished removes files that nobody writes any more.
func (d Directory) RemoveUnfinished(_ context.Context, now time.Time) error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), unfinished) {
			continue
		}
		if info, failed := entry.Info(); failed == nil && now.Sub(info.ModTime()) > unfinishedAge {
			err = errors.Join(err, os.Remove(filepath.Join(string(d), entry.Name())))
		}
	}
	return err
}

// SyncDirectory makes a renaming in a directory durable.
func SyncDirectory(path string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
