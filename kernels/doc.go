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
// internal/avx512); products in BF16 also in pairs (internal/avx512bf16), those in BF16
// and BF16x3 on tiles (internal/amx). One level is chosen at start: the widest that the
// processor has and gains by, or the one that KERNELS_ISA names (generic, avx2, avx512,
// avx512bf16, amx), which must be there. Dispatch is a ladder of conditions, widest first,
// so a level takes from a narrower one what it does not do better. The build tag purego leaves the
// assembly out; so does every other architecture.
//
// # How a product goes through the machine
//
// Gemm computes c = a*b, all of it made of one thing: a tile of 8 by 48 sums (6 by 16 on
// AVX2) that stays in registers while k goes by. Each step of k loads 48 elements of b as
// three vectors, broadcasts 8 elements of a one after another, and makes 24
// multiply-adds, two a cycle; three loads of vectors and eight of elements hide behind
// them.
//
//	memory, third-level cache     second-level cache        first-level cache    registers
//
//	b [K,N] or [N,K]              block of b, packed:       a row of tiles
//	+---------------------+       panels of 48 columns,     reads it from the
//	|  : :  : :  : :  :   | pack  2 pieces of k             left, 16 bytes a
//	|  : :  : :  : :  :   | ----> +--+--+--+--+             cycle
//	+---------------------+       |0 |1 |2 |3 |  ------------------------->  3 vectors
//	                              |  |  |  |  |                              (48 columns)
//	                              +--+--+--+--+                                   |
//	a [M,K]                                                 8 rows of a,          v
//	+-----------+                 8 rows, 2 pieces of k:    used for every  +-----------+
//	|===========| 8 rows          24 KiB, from where it     panel of the    | 8x48 sums |
//	|           | ------------------------ lies ----------> block  -------> |           |
//	+-----------+                                           8 broadcasts    +-----------+
//	                                                                              |
//	c [M,N]                                                                       |
//	+-----------+                                           8 rows of c, in the   |
//	|===========| <---- epilogue: residual, GELU, slope --- cache from one piece  |
//	|           |                                           of k to the next <----+
//	+-----------+                                                    sums are added
//
// From the outside in:
//
//   - K is cut into pieces of at most 384 (maxK), each one chain of multiply-adds for each
//     sum. The cut depends on K alone, so that the bits do too.
//   - The workers have a rectangle of c each (cut), and who is done takes rows of what the
//     others have left, block by block (gemm_share.go). Each packs what it needs of b
//     itself, so that nothing is handed from one core's cache to another's.
//   - A block is as many panels of b and pieces of k (groupSteps) as stay in 5/8 of the
//     second-level cache (residentIn), half of that where a is read in place and c
//     has few rows (fewRows) or the cache is large (largeBlock).
//   - For each 8 rows of c the block's tiles come in one call of assembly (GemmRows8x48
//     and its like), piece after piece, and then the epilogue; on AVX2, where none asks for what
//     comes next, one call does many rows unless an epilogue follows.
//   - While it multiplies, the call asks for what comes next, a line at a time: of c for this
//     tile, of a for the next 8 rows, of b for the next block (gemm_ahead.go). Many lines at
//     once would hold up its loads of b (asmgen/gemm_ask.go).
//   - a is read in place where its rows are contiguous (forward, input gradient) and, down
//     its columns, where its steps are near and a tile has half a line of each (AVX-512);
//     else 8 panels of it are packed at a time (a weight gradient of a wide layer:
//     formOfRows). Few tiles and a long K: the pieces are shared (gemm_pieces.go). On AVX2
//     all rows are packed first if c has many columns, and blocks of b are small (gemm_copied.go).
//
// A b that never changes can be packed once (PackB, and PackFilters for Conv2D): its
// panels are then read from where they lie, and nothing is packed on the way.
//
// In pairs (gemm_pairs.go) a word of two bf16 numbers, neighbours in k, has the place of a
// number: the same tiles, half as many steps. What packs b rounds it on the way; rows of a
// are rounded to a copy, eight at a time or, where there are many blocks, all of them
// first. The sums have the bits of F32 on rounded operands, unless one falls below
// 2^-126.
//
// On tiles (gemm_tiles.go; AMX) both operands are rounded to bf16, or split into two planes
// of it, while they are packed, in panels of 32 rows or columns and steps of 32 elements of k:
//
//	a [M,K] --pack--> block of a, 0.6 MiB in the       2 tiles of 16 rows, past the
//	                  second-level cache of whom it    first-level cache  --------+
//	                  multiplies: 400 rows of 800                                 v
//	                                                                       4 tiles of sums:
//	b [K,N] --pack--> panel of b: 32 columns, 832      2 tiles of 16       32x32 float32,
//	                  elements of k, 52 KiB, which     columns  ---------> 16384 products
//	                  streams past the block           (first level)       of bf16 in 16 cycles
//	                                                                              |
//	c [M,N] <--- epilogue, four panels of columns at a time <--- stored as tiles <+
//
// One step of k is four products of tiles, 24 ns, and loads 4 KiB: at 43 bytes a cycle from the
// second-level cache 38 ns, so that what bounds it are loads, and 46 to 54 where b and c stream past
// (asmgen/tiles_ask.go). 32x32 sums take 120 ns to begin and to store, as long as 5 steps, so that pieces of k
// are long. An element of a or b takes 0.07 ns to pack from the second-level cache and 0.25 from the
// third. No worker reads what another one packed of a: that would take as long as packing it. Convolutions
// read tiles where the pixels lie (conv_image.go), gradients of filters where pairs of pixels do
// (conv_weight_tiles.go).
//
// At 8 rows a tile of float32 needs 16 bytes a cycle of b; the second-level cache gives 48 at
// best. Per element, packing costs 0.11 ns from the second-level cache and 0.25 from the third, and
// 1/M and 1/N of the elements' products pay for it: nothing at 1576 rows, a twelfth at 197.
// BenchmarkGemm is what chose the constants; each says at its definition what was
// tried, where and when.
//
// Sharing. There is one pool of GOMAXPROCS workers. Each has the same part of the items in
// every call and takes from the ends of the others' when it is done (claims): what it
// wrote in one op it finds in its own cache in the next, and a core that the machine
// holds up holds up nobody else.
//
// Determinism. Each output element has one writer, and no result depends on how many
// workers there are or on which of them did what. AVX2 and AVX-512 give the same bits; the Go
// kernels, which round elsewhere and take exp and erf from package math, may differ
// from them in the last places.
//
//	x := kernels.MatOf(input, tokens, channels)
//	w := kernels.MatOf(weight, outputs, channels)
//	y := kernels.MatOf(output, tokens, outputs)
//	kernels.Gemm(y, x, w.T(), kernels.GemmOptions{Bias: bias})
package kernels
