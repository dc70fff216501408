// Package region is the memory of WebAssembly instances: it grows without moving, and it can be
// made again what it was, an image, by undoing only what was written.
package region

import "bytes"

const (
	PageSize = 4096     // bytes that images are made of, and compared by
	WasmPage = 64 << 10 // bytes that wasm memories grow by
)

// Differing returns the numbers of the pages of memory that are not as in base; beyond the base,
// of those that are not zero.
func Differing(memory, base []byte) (pages []uint32) {
	var zero [PageSize]byte
	for at := 0; at < len(memory); at += PageSize {
		was := zero[:]
		if at < len(base) {
			was = base[at : at+PageSize]
		}
		if !bytes.Equal(memory[at:at+PageSize], was) {
			pages = append(pages, uint32(at/PageSize))
		}
	}
	return pages
}
