package kerneltest

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flush returns n elements that end exactly at a page which can be neither read
// nor written, or, with front, begin right after one. An access outside is a
// fault, whatever becomes of the value. Values are zero. The memory is gone when
// the case ends.
func (c *Case) Flush(n int, front bool) []float32 {
	page := os.Getpagesize()
	size := (n*4 + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		c.Fatal("mapping memory: ", err)
	}
	c.release = append(c.release, func() { _ = unix.Munmap(b) })
	for _, closed := range [][]byte{b[:page], b[page+size:]} {
		if err := unix.Mprotect(closed, unix.PROT_NONE); err != nil {
			c.Fatal("protecting memory: ", err)
		}
	}
	if n == 0 {
		return nil
	}
	open := b[page : page+size]
	if !front {
		open = open[size-n*4:]
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&open[0])), n)
}
