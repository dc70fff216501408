package wasmbin

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A reader reads the parts of a module. After an error it returns zeros.
type reader struct {
	rest []byte
	err  error
}

// fail sets the error, unless there is one already.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail("it is truncated")
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// u32 reads unsigned LEB128 (5.2.2).
func (r *reader) u32() uint32 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 5 || v > math.MaxUint32 {
		r.fail("it is truncated, or a number is too large")
		return 0
	}
	r.rest = r.rest[n:]
	return uint32(v)
}

// count reads the length of a vector (5.1.3) and refuses one with more than most elements, or
// with more than can follow: each takes a byte at least.
func (r *reader) count(most int) int {
	n := r.u32()
	if n > uint32(most) {
		r.fail("a vector of %d elements, at most %d are allowed", n, most)
		return 0
	}
	if uint64(n) > uint64(len(r.rest)) {
		r.fail("a vector of %d elements in %d bytes", n, len(r.rest))
		return 0
	}
	return int(n)
}

// bytes reads so many bytes.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.fail("%d bytes where %d are left", n, len(r.rest))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// name reads a name (5.2.4), whose UTF-8 is for wazero to check.
func (r *reader) name() string { return string(r.bytes(r.u32())) }
