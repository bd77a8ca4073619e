package kernels

// scratch is memory for the length of one job item or one call.
type scratch struct {
	data    []float32
	partial []float64
	index   []int
	held    uint64 // names what an item left in data for the next one of its worker; 0: nothing
}

// The scratch records not in use. Calls and items have their own: which worker
// took which record must not decide whether a later call finds it too small.
var callScratches, itemScratches freeList[scratch]

// reserveItems makes a scratch of n elements for every worker of a call, so
// that its items allocate nothing, however they happen to overlap. Scratches
// grow to the largest size that was asked for and never shrink.
func reserveItems(n int) {
	itemScratches.reserve(workers())
	itemScratches.mu.Lock()
	for _, s := range itemScratches.free {
		s.object.floats(n)
	}
	itemScratches.mu.Unlock()
}

// floats returns n elements with arbitrary contents on a 64-byte boundary. It
// invalidates what an earlier call on s returned.
func (s *scratch) floats(n int) []float32 {
	s.held = 0
	return s.keep(n)
}

// keep is floats for items that leave something there for each other: as long as held
// is what the last one made it, n elements are as that one left them.
func (s *scratch) keep(n int) []float32 {
	if len(s.data) < n {
		s.data, s.held = alignedHeap(roundUp(n, 1<<12)), 0
	}
	return s.data[:n:n]
}

// doubles returns n elements with arbitrary contents. It invalidates what an
// earlier call on s returned.
func (s *scratch) doubles(n int) []float64 {
	if len(s.partial) < n {
		s.partial = make([]float64, roundUp(n, 1<<10))
	}
	return s.partial[:n:n]
}

// ints returns n elements with arbitrary contents. It invalidates what an
// earlier call on s returned.
func (s *scratch) ints(n int) []int {
	if len(s.index) < n {
		s.index = make([]int, roundUp(n, 1<<10))
	}
	return s.index[:n:n]
}

// reserveItemInts is reserveItems for ints.
func reserveItemInts(n int) {
	itemScratches.reserve(workers())
	itemScratches.mu.Lock()
	for _, s := range itemScratches.free {
		s.object.ints(n)
	}
	itemScratches.mu.Unlock()
}
