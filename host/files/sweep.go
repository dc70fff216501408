package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/picloud/picloud/host/background"
)

const (
	sweepEvery = time.Hour
	sweepAge   = time.Hour // how old an orphan must be to be swept
)

// Sweeper makes the sweep of orphans, which comes every hour.
func (s *Service) Sweeper() *background.Sweep {
	return background.NewSweep("orphaned", "files", sweepEvery, s.config.Log, s.Sweep)
}

// Sweep removes orphans older than an hour and returns their number: what crashes have left of
// uploads, and the bytes of deleted apps. Bytes that an upload under way may come to need are never
// removed: those of this process are known, those of others are young. Nothing is swept of a
// directory that is not the database's, all of whose blobs would seem orphans; see [Service.Claim]. Blobs
// are not swept while there is a [Hold] either.
func (s *Service) Sweep(ctx context.Context) (removed int, err error) {
	if err := s.Claim(ctx); err != nil {
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
	s.directory.forgetHolds()
	for first := range 256 {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		digits := fmt.Sprintf("%02x", first)
		leaves, failure := os.ReadDir(filepath.Join(s.directory.root, digits))
		if failure != nil && !errors.Is(failure, fs.ErrNotExist) {
			err = errors.Join(err, failure)
		}
		// First what is there, then what is in use: were it the other way round, a blob that came
		// in between would seem an orphan.
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
		if s.directory.held() { // asked last: who holds them since may need what is not in use any more
			return removed, err
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

// orphanCandidates are the paths of the blobs in a directory that are old enough and not being
// written. What is not a blob is none of our business.
func (s *Service) orphanCandidates(directory string) (paths []string) {
	entries, _ := os.ReadDir(directory) // one that is missing or no directory has none
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !isBlob(entry.Name()) ||
			s.config.Now().Sub(info.ModTime()) < sweepAge {
			continue
		}
		if _, pending := s.directory.pending.Load(entry.Name()); !pending {
			paths = append(paths, filepath.Join(directory, entry.Name()))
		}
	}
	return paths
}
