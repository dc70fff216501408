// Package region is the memory of WebAssembly instances: it grows without moving, and it can be
// made again what it was, an image, by undoing only what was written.
package region

import "bytes"

const (
	PageSize = 4096     // bytes that images are made of, and compared by
	WasmPage = 64 << 10 // bytes that wasm memories grow by
)

// FewPages is how many pages of its own an idle memory may keep that nobody counts.
const FewPages = 64

// Differing returns the numbers of the pages of memory that are not as in base; beyond the base,
// of those that are not zero.
func Differing(memory, base []byte) (pages []uint32) {
	for at := 0; at < len(memory); at += PageSize {
		if differs(memory, base, at) {
			pages = append(pages, uint32(at/PageSize))
		}
	}
	return pages
}

// differs reports whether the page of memory at a place is not as in base or, beyond that, not zero.
func differs(memory, base []byte, at int) bool {
	page := memory[at : at+PageSize]
	if at >= len(base) {
		return !isZero(page)
	}
	return !bytes.Equal(page, base[at:at+PageSize])
}

func isZero(page []byte) bool { return bytes.Equal(page, zeroPage[:]) }

var zeroPage [PageSize]byte
