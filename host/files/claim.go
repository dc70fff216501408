package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// markFile is the file in the root that holds the mark of its database.
const markFile = "database"

// Claim makes sure that the root and the database belong together: both bear the same mark, which
// they get when neither has one. Otherwise the error names the root and says what to do. It finds a
// root that holds another database's blobs, and one that is not where the other nodes on the
// database keep theirs.
//
// The mark is made as a temporary file that bears it as name and content. Then the database takes
// it, unless it took one before. Only then the file is renamed to its place, so that after a crash
// in between, or when two nodes are first at the same time, the temporary file still tells that
// this root is the one whose mark the database took.
func (s *Service) Claim(ctx context.Context) error {
	// The root first: what it bears the database has taken before.
	path := filepath.Join(s.directory.root, markFile)
	found, err := os.ReadFile(path)
	ours, failed := s.config.Store.Root(ctx, "")
	if failed != nil {
		return failed
	}
	switch {
	case err == nil && string(found) == ours:
		return nil
	case err == nil:
		return fmt.Errorf("%s holds the files of another database, whose mark %q it bears: choose another directory, or remove the file %s if that database is gone for good",
			s.directory.root, found, path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if ours == "" {
		mark := newBlob()
		if err := s.directory.writeTemporary(mark, mark); err != nil {
			return err
		}
		if ours, err = s.config.Store.Root(ctx, mark); err != nil {
			return err // the database may have taken it all the same
		}
		if ours != mark { // another node was first
			if err := os.Remove(s.directory.temporary(mark)); err != nil {
				return err
			}
		}
	}
	err = os.Rename(s.directory.temporary(ours), path)
	if errors.Is(err, fs.ErrNotExist) {
		if found, err := os.ReadFile(path); err == nil && string(found) == ours {
			return nil // another node was first, with the same root
		}
		return fmt.Errorf("%s is not where this database's files are: it does not bear their mark. All servers on one database need the same files_root. "+
			"If the files were moved here without the file %s, or are lost, write the mark %s into it", s.directory.root, path, ours)
	}
	if err != nil {
		return err
	}
	return syncDirectory(s.directory.root)
}

// writeTemporary makes a temporary file whose text is on the disk when it returns.
func (d *directory) writeTemporary(name, text string) error {
	file, err := os.OpenFile(d.temporary(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_SYNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(d.temporary(name)))
	}
	return syncDirectory(filepath.Join(d.root, temporary))
}
