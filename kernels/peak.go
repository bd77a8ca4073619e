package kernels

// FMAPeak runs a loop of fused multiply-adds on registers alone, on the calling
// goroutine, with the instruction set in use, and returns how many
// floating-point operations that was (a fused multiply-add counts as two). The
// caller holds the clock; the quotient is what any kernel can reach at most on
// one core. In the generic build the loop multiplies and adds separately.
//
// Panics: iterations is negative.
func FMAPeak(iterations int) (flops int64) {
	need("FMAPeak", "iterations", iterations, 0)
	// Short calls: assembly is not preemptible, and a long call would hold up
	// the garbage collector.
	const most = 4096
	for iterations > 0 {
		n := min(iterations, most)
		flops += fmaPeak(n)
		iterations -= n
	}
	return flops
}
