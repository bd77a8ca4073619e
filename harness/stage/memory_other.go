//go:build !unix

package stage

import "runtime"

// ReadMemory is what Go obtained from the system, the nearest number that the
// standard library gives here.
func ReadMemory() Memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Memory{Resident: int64(m.Sys), Peak: int64(m.Sys)}
}
