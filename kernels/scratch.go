package kernels

// scratch is memory for the length of one job item or one call.
type scratch struct {
	data    []float32
	partial []float64
}

// scratches are the scratch records not in use.
var scratches freeList[scratch]

// floats returns n elements with arbitrary contents on a 64-byte boundary. It
// invalidates what an earlier call on s returned.
func (s *scratch) floats(n int) []float32 {
	if len(s.data) < n {
		s.data = alignedHeap(roundUp(n, 1<<12))
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
