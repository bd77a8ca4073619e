// Package kernels is arithmetic on float32 slices: matrix products,
// normalization, attention, activations, reductions and optimizer steps, each
// with its gradient. It knows no tensors, no graph and no files.
//
// Vocabulary. A Mat is a strided view; lengths, strides and offsets count
// elements. Shapes stand in brackets, row-major, outermost first. The
// destination is the first argument; a gradient is named like what it belongs
// to, prefixed d.
//
// Contracts. A broken one (shape, stride, short slice) panics with a message
// of the form "kernels: Gemm: len(c) is 6, want at least 8"; nothing here
// returns an error. No kernel reads or writes outside its slices, allocates in
// steady state, or skips a zero factor. What is overwritten is not read.
//
// Instruction sets. Every kernel exists in Go (internal/generic) and, on amd64,
// in AVX2 with FMA and in AVX-512 assembly that asmgen writes (internal/avx2,
// internal/avx512). One level is chosen at start: the widest the processor has,
// or the one that KERNELS_ISA names (generic, avx2, avx512), which must be
// there. The build tag purego leaves the assembly out.
//
// Determinism. Work is shared by one pool of GOMAXPROCS workers, each output
// element has one writer, and no result depends on how many workers there are
// or on which of them did what.
//
//	x := kernels.MatOf(input, tokens, channels)
//	w := kernels.MatOf(weight, outputs, channels)
//	y := kernels.MatOf(output, tokens, outputs)
//	kernels.Gemm(y, x, w.T(), kernels.GemmOptions{Bias: bias})
package kernels
