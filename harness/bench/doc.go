// Package bench reads measurements in Go's benchmark format and says what they
// mean: the table of floors with a verdict a row (Table), medians for the history
// (Medians) and the chart of the history (Chart).
//
// A measurement is of ours or of a peer. The part isa= of its name tells: mkl,
// openblas, onednn, onednn-packed, torch, torch-last and torch-malloc are peers,
// everything else, or no such part, is ours. What remains of the name is what was
// measured, and equal on both sides:
//
//	BenchmarkGemm/isa=avx512/prec=f32/net=vit/op=fwd/m=800/n=768/k=768-2
//	BenchmarkGemm/isa=mkl/prec=f32/net=vit/op=fwd/m=800/n=768/k=768-2
//
// The number behind the last dash is of threads; none means one.
//
// Beside the floors the table has limits: what the machine of that hour would have
// allowed. They come from benchmarks of the arithmetic alone, BenchmarkLimitMicroKernel and
// BenchmarkLimitArithmetic, and from rows that end in /at=once, of two processes of one
// thread that ran side by side. Neither counts as a measurement of ours.
package bench
