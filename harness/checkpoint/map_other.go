//go:build !linux

package checkpoint

import "os"

// fileBytes gives the content of f, size bytes, and a function that releases it.
func fileBytes(f *os.File, size int) ([]byte, func() error, error) {
	return readBytes(f, size)
}
