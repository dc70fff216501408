package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/picloud/picloud/host/sweep"
)

// Start begins to sweep orphans, now and then every SweepEvery, until Stop.
func (s *Service) Start() {
	s.sweeper = sweep.Start("orphaned", "files", s.config.SweepEvery, s.config.Log, s.Sweep)
}

// Stop ends the sweeps and waits for the one under way.
func (s *Service) Stop() { s.sweeper.Stop() }

// marker is the file in the root that tells which database it belongs to.
const marker = "database"

// owned refuses a root that belongs to another database, all of whose blobs
// would seem orphans: one wrong setting must not cost them. A database that has
// lost its mark is another one; whoever is sure removes the file.
func (s *Service) owned(ctx context.Context) error {
	owner, err := s.config.Store.Root(ctx, newBlob())
	if err != nil {
		return err
	}
	path := filepath.Join(s.directory.root, marker)
	mark, err := os.ReadFile(path)
	switch {
	case err == nil && string(mark) != owner:
		return fmt.Errorf("%s belongs to another database (it bears the mark %q): nothing is swept", s.directory.root, mark)
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	written := s.directory.temporary(newBlob())
	file, err := os.OpenFile(written, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_SYNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(owner)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(written))
	}
	return os.Rename(written, path)
}

// Sweep removes orphans older than SweepAge and returns their number: what
// crashes have left of uploads, and the bytes of deleted apps. Bytes that an
// upload under way may come to need are never removed: those of this process
// are known, those of others are young.
func (s *Service) Sweep(ctx context.Context) (removed int, err error) {
	if err := s.owned(ctx); err != nil {
		return 0, err
	}
	remove := func(path string) {
		if failure := os.Remove(path); failure == nil {
			removed++
		} else if !errors.Is(failure, fs.ErrNotExist) {
			err = errors.Join(err, failure)
		}
	}
	for _, path := range s.orphanCandidates(filepath.Join(s.directory.root, temporary)) {
		remove(path)
	}
	for first := range 256 {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		digits := fmt.Sprintf("%02x", first)
		leaves, failure := os.ReadDir(filepath.Join(s.directory.root, digits))
		if failure != nil && !errors.Is(failure, fs.ErrNotExist) {
			err = errors.Join(err, failure)
		}
		// First what is there, then what is in use: were it the other way round, a
		// blob that came in between would seem an orphan.
		var candidates []string
		for _, leaf := range leaves {
			candidates = append(candidates, s.orphanCandidates(filepath.Join(s.directory.root, digits, leaf.Name()))...)
		}
		if len(candidates) == 0 {
			continue
		}
		blobs, failure := s.config.Store.Blobs(ctx, digits, digits+"g") // g comes after all digits
		if failure != nil {
			return removed, errors.Join(err, failure)
		}
		used := make(map[string]bool, len(blobs))
		for _, blob := range blobs {
			used[blob] = true
		}
		for _, path := range candidates {
			if !used[filepath.Base(path)] {
				remove(path)
			}
		}
	}
	return removed, err
}

// orphanCandidates are the paths of the blobs in a directory that are old enough
// and not being written. What is not a blob is none of our business.
func (s *Service) orphanCandidates(directory string) (paths []string) {
	entries, _ := os.ReadDir(directory) // one that is missing or no directory has none
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !isBlob(entry.Name()) ||
			s.config.Now().Sub(info.ModTime()) < s.config.SweepAge {
			continue
		}
		if _, pending := s.directory.pending.Load(entry.Name()); !pending {
			paths = append(paths, filepath.Join(directory, entry.Name()))
		}
	}
	return paths
}
