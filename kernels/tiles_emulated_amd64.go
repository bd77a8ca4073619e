//go:build amxemu && !purego

package kernels

import (
	"bytes"
	"os"
)

// emulatedTiles reports whether this process runs under the emulator of tiles in
// kerneltest: it says so, and a tracer is there.
func emulatedTiles() bool {
	if os.Getenv("KERNELS_TILES") != "emulated" {
		return false
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, tracer, found := bytes.Cut(status, []byte("\nTracerPid:\t"))
	return found && tracer[0] != '0'
}
