//go:build unix && !linux

package stage

import (
	"runtime"
	"syscall"
)

// ReadMemory asks getrusage for the largest resident size. What is resident
// now is not told there, so it stays 0. Darwin counts bytes, the others KiB.
func ReadMemory() Memory {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return Memory{}
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return Memory{Peak: int64(u.Maxrss)}
	}
	return Memory{Peak: int64(u.Maxrss) * 1024}
}
