// Package kernels is arithmetic on float32 slices: matrix products, convolution,
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
// Images are channels-last, [N,H,W,C], and filters [Co,KH,KW,Ci]: what a filter
// sees of a row of the image is KW*Ci adjacent numbers, so that the product's
// inner loop runs over memory as it lies; a convolution of one pixel is a plain
// product; and norms and biases are operations on columns. ChannelsLast and
// ChannelsFirst convert at the border.
//
// Layout. Vectors are contiguous; rows of a matrix may lie apart but, except in
// Gemm, the elements of a row are adjacent. Slices need no alignment; those of
// Slab are aligned and quickest.
//
// Aliasing. A destination may be an operand, element for element, where the
// function says so. Any other overlap is an error that nothing checks.
//
// Memory. Callers own all operands. What the kernels need beside them (packed
// panels, scores, partial sums) is kept for the next call and never returned;
// its size does not grow with the number of calls.
//
// Instruction sets. Every kernel exists in Go (internal/generic) and, on amd64,
// in AVX2 with FMA and in AVX-512 assembly that asmgen writes (internal/avx2,
// internal/avx512); products in BF16 and BF16x3 also on tiles (internal/amx). One level is chosen at start: the widest the processor has,
// or the one that KERNELS_ISA names (generic, avx2, avx512, amx), which must be
// there. Dispatch is a ladder of conditions, widest first, so a level takes from
// a narrower one what it does not do better. The build tag purego leaves the
// assembly out; so does every other architecture.
//
// Determinism. Work is shared by one pool of GOMAXPROCS workers, each output
// element has one writer, and no result depends on how many workers there are
// or on which of them did what. AVX2 and AVX-512 give the same bits; the Go
// kernels, which round elsewhere and take exp and erf from package math, may differ
// from them in the last places.
//
//	x := kernels.MatOf(input, tokens, channels)
//	w := kernels.MatOf(weight, outputs, channels)
//	y := kernels.MatOf(output, tokens, outputs)
//	kernels.Gemm(y, x, w.T(), kernels.GemmOptions{Bias: bias})
package kernels
