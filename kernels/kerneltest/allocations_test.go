package kerneltest

import (
	"sync/atomic"
	"testing"
)

var kept atomic.Pointer[[100]int]

// TestAllocationsSeesEveryGoroutine: an object made by the caller, or by a
// goroutine that it hands work to, is counted; handing it over is not.
func TestAllocationsSeesEveryGoroutine(t *testing.T) {
	allocate := func() { kept.Store(new([100]int)) }
	if n := Allocations(7, allocate); n != 7 {
		t.Errorf("7 calls that allocate: %d objects", n)
	}
	work, done := make(chan func()), make(chan bool)
	go func() {
		for f := range work {
			f()
			done <- true
		}
	}()
	defer close(work)
	hand := func(f func()) func() { return func() { work <- f; <-done } }
	if n := Allocations(7, hand(allocate)); n != 7 {
		t.Errorf("7 allocations by another goroutine: %d objects", n)
	}
	if n := Allocations(1000, hand(func() {})); n != 0 {
		t.Errorf("1000 times handed over: %d objects, want 0", n)
	}
}
