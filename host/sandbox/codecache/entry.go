package codecache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/cpu"
)

// A Key names what was compiled, for this kind of processor.
type Key string

// NewKey is the key of something that these texts and bytes tell apart from everything else, such as
// a module and how it is compiled.
func NewKey(parts ...[]byte) Key {
	h := sha256.New()
	fmt.Fprintf(h, "%v %v\n", cpu.X86, cpu.ARM64) // by which wazero chooses instructions
	for _, p := range parts {
		fmt.Fprintf(h, "%d\n", len(p))
		h.Write(p)
	}
	return Key(hex.EncodeToString(h.Sum(nil)))
}

func (k Key) file() string { return string(k) + ".json" }

// An entry is what one compilation left.
type entry struct {
	Owner string    `json:"owner,omitempty"`
	Files []fileSum `json:"files"`

	users int // that rely on the files
	used  time.Time
}

// A fileSum says what is in a file. The checksum is against damage; who can write here needs no
// collision to have us run what they like.
type fileSum struct {
	Name string `json:"name"` // within the cache
	Size int64  `json:"size"`
	XXH  string `json:"xxh64"` // in hex
}

func (e *entry) bytes() (n int64) {
	for _, f := range e.Files {
		n += f.Size
	}
	return n
}

// within reports whether all files are in a directory of the cache, and none elsewhere.
func (e *entry) within(dir string) bool {
	return len(e.Files) > 0 && !slices.ContainsFunc(e.Files, func(f fileSum) bool {
		return filepath.Dir(f.Name) != dir || !filepath.IsLocal(f.Name)
	})
}

// verify compares the files with what they should be.
func (e *entry) verify(dir string) error {
	for _, f := range e.Files {
		is, err := sumFile(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		if is.Name = f.Name; is != f {
			return fmt.Errorf("%s is not what it was: %d bytes where there were %d, or others", f.Name, is.Size, f.Size)
		}
	}
	return nil
}

func sumFile(path string) (s fileSum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	h := xxhash.New()
	s.Size, err = io.Copy(h, f)
	s.XXH = hex.EncodeToString(h.Sum(nil))
	return s, err
}

func readEntry(path string) (*entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := new(entry)
	if err := json.Unmarshal(text, e); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	e.used = info.ModTime()
	return e, nil
}

// write writes the entry at once or not at all.
func (e *entry) write(path, work string) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(work, "entry-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
