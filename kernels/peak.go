package kernels

// FMAPeak runs a loop of fused multiply-adds on registers alone, on the calling
// goroutine, with the instruction set in use, and returns how many
// floating-point operations that was (a fused multiply-add counts as two). The
// caller holds the clock; the quotient is what any float32 kernel can reach at most on
// one core. In the generic build the loop multiplies and adds separately.
//
// Panics: iterations is negative.
func FMAPeak(iterations int) (flops int64) {
	need("FMAPeak", "iterations", iterations, 0)
	return inShortCalls(iterations, fmaPeak)
}

// PairPeak is FMAPeak for products of pairs of bf16, which BF16 is computed by
// where Pairs reports true. It runs on whatever the processor has for them, the level in
// use apart.
//
// Panics: iterations is negative.
func PairPeak(iterations int) (flops int64) {
	need("PairPeak", "iterations", iterations, 0)
	return inShortCalls(iterations, dotPeak)
}

// Pairs reports whether products of p are of pairs of bf16.
func (p Precision) Pairs() bool { return p.paired() }

// inShortCalls calls a loop of assembly, which is not preemptible: a long call would
// hold up the garbage collector.
func inShortCalls(iterations int, loop func(int) int64) (flops int64) {
	const most = 4096
	for iterations > 0 {
		n := min(iterations, most)
		flops += loop(n)
		iterations -= n
	}
	return flops
}
