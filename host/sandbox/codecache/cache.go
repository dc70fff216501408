// Package codecache keeps the machine code that wazero makes of WebAssembly modules in a directory,
// so that a start does not compile again.
//
// wazero has a cache of its own, which believes what is in its files and never removes one. So each
// compilation is an entry here, a small file beside wazero's that names them and their checksums.
// An entry is looked at before wazero reads what belongs to it: what is missing or damaged is
// removed, and compiled again. Entries used least recently make room for others, and those of
// plugins that were deleted are dropped.
//
//	wazero-v1.12.0-amd64-linux/   wazero's files, as it names them
//	entries/KEY.json              an entry: whose it is, and its files
//	work/                         compilations under way
package codecache

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

// Config configures a [Cache].
type Config struct {
	Dir      string       // is made if there is none; "": nothing is kept
	MaxBytes int64        // of all files together, unless entries in use need more; 0: no bound
	Logger   *slog.Logger // nil: slog.Default()
}

// A Cache keeps machine code. It is safe for concurrent use, also by other processes.
type Cache struct {
	dir      string // "": nothing is kept
	code     string // wazero's directory within it
	maxBytes int64
	logger   *slog.Logger

	mu      sync.Mutex
	entries map[Key]*entry
	bytes   int64 // of their files
}

const (
	entriesDir = "entries"
	workDir    = "work"

	// abandoned is how old what belongs to no entry must be to be removed: another process may
	// have just made it.
	abandoned = 10 * time.Minute
)

// Open opens the cache in a directory. What belongs to no entry there is removed.
func Open(c Config) (*Cache, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	cache := &Cache{dir: c.Dir, maxBytes: c.MaxBytes, logger: c.Logger, entries: map[Key]*entry{}}
	if c.Dir == "" {
		return cache, nil
	}
	for _, dir := range []string{entriesDir, workDir} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("compilation cache: %w", err)
		}
	}
	var err error
	if cache.code, err = codeDir(cache.path(workDir)); err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	if err := cache.load(); err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	cache.removeStrays()
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.evict()
	return cache, nil
}

// codeDir finds out how wazero names its directory, after its version and this machine.
func codeDir(work string) (string, error) {
	dir, err := os.MkdirTemp(work, "name-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if _, err := wazero.NewCompilationCacheWithDir(dir); err != nil {
		return "", err
	}
	made, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(made) != 1 {
		return "", fmt.Errorf("wazero made %d directories", len(made))
	}
	return made[0].Name(), nil
}

func (c *Cache) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

// load reads the entries. One that cannot be read is removed.
func (c *Cache) load() error {
	files, err := os.ReadDir(c.path(entriesDir))
	if err != nil {
		return err
	}
	for _, f := range files {
		key, isEntry := strings.CutSuffix(f.Name(), ".json")
		e, err := readEntry(c.path(entriesDir, f.Name()))
		if !isEntry || err != nil || !e.within(c.code) {
			c.removeFile(c.path(entriesDir, f.Name()))
			continue
		}
		c.entries[Key(key)] = e
		c.bytes += e.bytes()
	}
	return nil
}

// removeStrays removes what belongs to no entry: left behind by a process that ended at the wrong
// moment, or by another version of wazero.
func (c *Cache) removeStrays() {
	belongs := map[string]bool{}
	for _, e := range c.entries {
		for _, f := range e.Files {
			belongs[f.Name] = true
		}
	}
	top, _ := os.ReadDir(c.dir) // what cannot be read is not removed
	for _, d := range top {
		switch name := d.Name(); {
		case name == workDir || name == c.code:
			inside, _ := os.ReadDir(c.path(name))
			for _, f := range inside {
				if path := filepath.Join(name, f.Name()); !belongs[path] && isOld(f) {
					c.removeFile(c.path(path))
				}
			}
		case name != entriesDir && strings.HasPrefix(name, "wazero-"):
			c.removeFile(c.path(name))
		}
	}
}

func isOld(f fs.DirEntry) bool {
	info, err := f.Info()
	return err == nil && time.Since(info.ModTime()) > abandoned
}

func (c *Cache) removeFile(path string) {
	if err := os.RemoveAll(path); err != nil {
		c.logger.Warn("compilation cache: a file cannot be removed", "error", err)
	}
}

// Wazero returns a cache of wazero's that finds what [Cache.Ensure] has made sure of. It is for the
// caller to close, which frees the machine code that was loaded through it.
func (c *Cache) Wazero() (wazero.CompilationCache, error) {
	if c.dir == "" {
		return wazero.NewCompilationCache(), nil
	}
	return wazero.NewCompilationCacheWithDir(c.dir)
}

// Ensure makes sure that what key names is in the cache, undamaged. If not, it calls compile, which
// compiles it through a cache of wazero's in another directory. The owner is whose it is, see
// [Cache.Retain]. Until release is called it stays where it is.
//
// A cache that keeps nothing calls nothing: wazero compiles when it is asked to.
func (c *Cache) Ensure(key Key, owner string, compile func(dir string) error) (release func(), err error) {
	if c.dir == "" {
		return func() {}, nil
	}
	if e := c.find(key); e != nil {
		return c.releasing(e), nil
	}
	work, err := os.MkdirTemp(c.path(workDir), "compile-*")
	if err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	defer os.RemoveAll(work)
	if err := compile(work); err != nil {
		return nil, err
	}
	e, err := c.add(key, owner, work)
	if err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	return c.releasing(e), nil
}

// Dir is the directory; "": nothing is kept.
func (c *Cache) Dir() string { return c.dir }

// Len is how many entries there are.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

func (c *Cache) releasing(e *entry) func() {
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.users--
		c.evict()
	})
}

// find returns an entry that is whole, in use by the caller, or nil.
func (c *Cache) find(key Key) *entry {
	c.mu.Lock()
	e := c.entries[key]
	if e == nil {
		c.mu.Unlock()
		return nil
	}
	now := time.Now()
	e.users++
	e.used = now
	c.mu.Unlock()
	if err := e.verify(c.dir); err != nil {
		c.logger.Warn("compilation cache: an entry is damaged and is made anew", "error", err)
		c.mu.Lock()
		defer c.mu.Unlock()
		e.users--
		c.drop(key, e)
		return nil
	}
	_ = os.Chtimes(c.path(entriesDir, key.file()), now, now) // for the next process; else it is evicted earlier
	return e
}

// add makes an entry of the files that wazero left in a directory.
func (c *Cache) add(key Key, owner, work string) (*entry, error) {
	e := &entry{Owner: owner, users: 1, used: time.Now()}
	made, err := os.ReadDir(filepath.Join(work, c.code))
	if err != nil {
		return nil, err
	}
	if len(made) == 0 {
		return nil, errors.New("wazero kept nothing of what it compiled")
	}
	if err := os.MkdirAll(c.path(c.code), 0o700); err != nil {
		return nil, err
	}
	for _, f := range made {
		sum, err := sumFile(filepath.Join(work, c.code, f.Name()))
		if err != nil {
			return nil, err
		}
		sum.Name = filepath.Join(c.code, f.Name())
		e.Files = append(e.Files, sum)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.entries[key]; before != nil { // made at the same time
		before.users++
		return before, nil
	}
	for _, f := range e.Files {
		if err := os.Rename(filepath.Join(work, f.Name), c.path(f.Name)); err != nil {
			return nil, err
		}
	}
	if err := e.write(c.path(entriesDir, key.file()), c.path(workDir)); err != nil {
		return nil, err
	}
	c.entries[key] = e
	c.bytes += e.bytes()
	c.evict()
	return e, nil
}

// evict removes entries until the files are within the bound, those first that were used least
// recently.
func (c *Cache) evict() {
	for c.maxBytes > 0 && c.bytes > c.maxBytes {
		var oldest Key
		for key, e := range c.entries {
			if e.users == 0 && (oldest == "" || e.used.Before(c.entries[oldest].used)) {
				oldest = key
			}
		}
		if oldest == "" {
			return
		}
		c.drop(oldest, c.entries[oldest])
	}
}

// drop removes an entry with its files.
func (c *Cache) drop(key Key, e *entry) {
	if c.entries[key] != e {
		return
	}
	delete(c.entries, key)
	c.bytes -= e.bytes()
	c.removeFile(c.path(entriesDir, key.file())) // first: an entry without files would be damaged
	for _, f := range e.Files {
		if !c.shares(f.Name) {
			c.removeFile(c.path(f.Name))
		}
	}
}

// shares reports whether a file belongs to an entry.
func (c *Cache) shares(name string) bool {
	for _, e := range c.entries {
		for _, f := range e.Files {
			if f.Name == name {
				return true
			}
		}
	}
	return false
}

// Retain drops the entries of owners that there are no more, and returns how many. Those without
// an owner stay, and until another time those that are in use or were within a while.
func (c *Cache) Retain(owners map[string]bool, while time.Duration) (dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if e.Owner != "" && !owners[e.Owner] && e.users == 0 && time.Since(e.used) >= while {
			c.drop(key, e)
			dropped++
		}
	}
	return dropped
}

// Bytes is how large all files are together.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}
