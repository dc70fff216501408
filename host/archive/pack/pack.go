// Package pack is the form that archives of apps and backups have in common: a tar of plain files, compressed by
// zstd, so that `zstd -d | tar t` shows what is in it. What the files are called and what is in them is of
// packages archive and backup/archive.
//
// The last entry of both has the sum of all before, as [Writer.Sum] and [Reader.Sum] tell it: the SHA-256 over a
// line for each entry, of the SHA-256 of its bytes in hex, its size and its name. A pack that is cut off has no
// such entry, wherever it was cut.
//
// A [Reader] trusts nothing: it takes no entry but a plain file, no more bytes than it is to, and no more memory
// than for a window of zstd.
package pack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
)

// Window is how many bytes a reader of what a [Writer] writes has to keep to decompress it: 4 MiB.
const Window = 4 << 20

// chunk is how many bytes go from one step to the next at a time: they are still in the processor's cache then.
const chunk = 256 << 10

// Why a pack cannot be read. A [Reader]'s other errors are a [*SourceError].
var (
	ErrForeign    = errors.New("it is not compressed by zstd")
	ErrCut        = errors.New("it ends in the middle")
	ErrMore       = errors.New("it goes on after its end")
	ErrMemory     = errors.New("it needs more memory to be unpacked than there is for it")
	ErrTooLarge   = errors.New("it has more bytes than may be")
	ErrNotPlain   = errors.New("it has an entry that is no plain file")
	ErrUnreadable = errors.New("it cannot be unpacked")
)

// A SourceError is one of the reader that a pack comes from, and no fault of the pack.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// add adds an entry to a sum.
func add(to hash.Hash, name string, size int64, sum [sha256.Size]byte) {
	fmt.Fprintf(to, "%x %d %s\n", sum, size, name)
}
