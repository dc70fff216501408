//go:build linux && !portable

package region

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pageRuns are runs of pages of a region, ascending.
type pageRuns []pageRun

// A pageRun is pages next to each other, by number.
type pageRun struct{ first, end uint64 }

func (runs pageRuns) count() (pages int) {
	for _, run := range runs {
		pages += int(run.end - run.first)
	}
	return pages
}

// A pageScan asks the kernel which pages of a region were written. It is kept
// with the region because the question and the answer cannot be on the stack.
type pageScan struct {
	request pagemapScan
	found   [64]pageRegion
	runs    pageRuns
}

// written returns the pages of memory written since a file was mapped over it:
// those that the kernel holds a private copy of. It is valid until the next
// call. Not ok: the kernel cannot tell (PAGEMAP_SCAN came with Linux 6.7).
func (s *pageScan) written(memory []byte) (runs pageRuns, ok bool) {
	pagemap := openPagemap()
	if pagemap == noPagemap {
		return nil, false
	}
	start := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
	s.request = pagemapScan{
		size: uint64(unsafe.Sizeof(s.request)), start: start, end: start + uint64(len(memory)),
		found: &s.found[0], room: uint64(len(s.found)),
		inverted: pageIsFile, all: pageIsFile, any: pageIsPresent | pageIsSwapped,
	}
	for s.runs = s.runs[:0]; ; s.request.start = s.request.reached {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, pagemap, pagemapScanRequest, uintptr(unsafe.Pointer(&s.request)))
		if errno != 0 {
			return nil, false
		}
		for _, f := range s.found[:n] {
			s.runs = append(s.runs, pageRun{(f.start - start) / PageSize, (f.end - start) / PageSize})
		}
		if s.request.reached >= s.request.end {
			return s.runs, true
		}
	}
}

// openPagemap returns a descriptor of this process' page map that is never
// closed, or noPagemap when there is none or its pages are not as large as ours.
var openPagemap = sync.OnceValue(func() (fd uintptr) {
	pagemap, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil || os.Getpagesize() != PageSize {
		return noPagemap
	}
	return uintptr(pagemap)
})

const noPagemap = ^uintptr(0)

// pagemapScan and pageRegion are pm_scan_arg and page_region of linux/fs.h.
type pagemapScan struct {
	size, flags, start, end, reached uint64
	found                            *pageRegion
	room, most                       uint64
	// A page is found that is in all of the categories all and in one of any, where
	// the inverted ones are turned round. Only those asked for here are told.
	inverted, all, any, answered uint64
}

type pageRegion struct{ start, end, _ uint64 } // the last are its categories

const (
	pagemapScanRequest = 3<<30 | uintptr(unsafe.Sizeof(pagemapScan{}))<<16 | 'f'<<8 | 16

	pageIsFile    = 1 << 2
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4
)
