package checkpoint

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapMin is the size in bytes from which a file is mapped instead of read: below
// it a read is cheaper than the page faults, and leaves nothing to release.
const mapMin = 1 << 20

// fileBytes gives the content of f, size bytes, and a function that releases
// it. Large files are mapped privately: pages come in when touched, and writes
// to them stay in this process.
func fileBytes(f *os.File, size int) ([]byte, func() error, error) {
	if size < mapMin {
		return readBytes(f, size)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil { // a file system without mmap
		return readBytes(f, size)
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
