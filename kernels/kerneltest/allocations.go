package kerneltest

import (
	"runtime"
	"strings"
)

// Allocations counts the heap objects that calls of f allocate, on whatever
// goroutine, after a few calls that warm up. What the Go runtime makes for a
// goroutine that parks (a sudog, from a cache that drifts between processors)
// is not counted: it is bounded, and no code of ours can avoid it.
//
// testing.AllocsPerRun would set GOMAXPROCS to 1 and never reach the pool.
func Allocations(calls int, f func()) int64 {
	for range 5 {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		f()
	}
	runtime.ReadMemStats(&after)
	if after.Mallocs == before.Mallocs {
		return 0
	}
	return attributed(calls, f)
}

// attributed counts again by the stacks of a profile that samples every
// allocation. The first of three counts that is zero wins: the test runner and
// the collector run beside.
func attributed(calls int, f func()) (least int64) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	for try := range 3 {
		before := profiled()
		for range calls {
			f()
		}
		if n := profiled() - before; try == 0 || n < least {
			least = n
		}
		if least == 0 {
			break
		}
	}
	return least
}

// profiled returns how many objects the code of this module has allocated since
// the process began.
func profiled() (objects int64) {
	runtime.GC() // a profile is complete after the second collection
	runtime.GC()
	n, _ := runtime.MemProfile(nil, true)
	records := make([]runtime.MemProfileRecord, n+64)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		panic("kerneltest: the memory profile grew while it was read")
	}
	for _, r := range records[:n] {
		if ours(r.Stack()) {
			objects += r.AllocObjects
		}
	}
	return objects
}

// ours says whether a stack has a function of this module that is neither
// profiled itself nor a goroutine parking.
func ours(stack []uintptr) bool {
	frames, found := runtime.CallersFrames(stack), false
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if frame.Function == "runtime.acquireSudog" || strings.HasSuffix(frame.Function, "kerneltest.profiled") {
			return false
		}
		found = found || strings.HasPrefix(frame.Function, "lethe/")
	}
	return found
}
