package background

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// giveBack gives the pages of zeros back to the operating system, which has zeros again when they are touched.
func giveBack(zeros []byte) {
	page := os.Getpagesize()
	begin := int(-uintptr(unsafe.Pointer(unsafe.SliceData(zeros))) % uintptr(page))
	if begin < len(zeros) {
		whole := zeros[begin:]
		_ = unix.Madvise(whole[:len(whole)/page*page], unix.MADV_DONTNEED) // if it cannot, more memory is held
	}
}
