package files

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	holds = "held"
	// holdEvery is how often who holds bytes says so, and holdAge when nobody believes it any more: the
	// process has died.
	holdEvery = time.Minute
	holdAge   = 10 * time.Minute
)

// Hold keeps the bytes of files that are changed or deleted from now on, by this process or another that
// shares the root, until it is released: who reads the metadata as they were at a moment after Hold finds
// the bytes too. What was kept is removed by the sweeper. Releasing again does nothing.
func (s *Service) Hold() (release func(), err error) {
	path := filepath.Join(s.directory.root, holds, newBlob())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		again := time.NewTicker(holdEvery)
		defer again.Stop()
		for {
			select {
			case <-done:
				return
			case <-again.C:
				if err := os.Chtimes(path, time.Time{}, time.Now()); err != nil {
					s.config.Log.Warn("bytes of files are not held any more", "error", err)
				}
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		ended.Wait()
		if err := os.Remove(path); err != nil {
			s.config.Log.Warn("bytes of files are held for longer than needed", "error", err)
		}
	}), nil
}

// held reports whether anybody holds bytes. Who asks after the metadata were changed, and is told that
// nobody does, may remove what they referred to: whoever holds bytes later reads the changed metadata.
func (s *Service) held() bool {
	entries, _ := os.ReadDir(filepath.Join(s.directory.root, holds)) // there are none as long as nobody held any
	held := false
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil: // released just now
		case time.Since(info.ModTime()) < holdAge:
			held = true
		default:
			_ = os.Remove(filepath.Join(s.directory.root, holds, entry.Name()))
		}
	}
	return held
}
