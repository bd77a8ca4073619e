package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/internal/generic"
)

// The benchmarks of this file measure what a kernel could reach at most: its arithmetic alone, on
// operands in the caches, in every worker at once. `make bench-peers` runs them in the same rounds as
// the kernels, and its table puts them beside the floors, so that a floor which is missed
// shows how far the machine of that hour went.

// onEveryWorker runs one body a worker, all at the same time and calls times in a row, which should take
// a few tenths of a millisecond: beside that, starting the workers is nothing.
func onEveryWorker(b *testing.B, calls int, bodies []func()) {
	item := func(i int) {
		for range calls {
			bodies[i]()
		}
	}
	For(len(bodies), item)
	for b.Loop() {
		For(len(bodies), item)
	}
}

// BenchmarkLimitMicroKernel is the micro-kernel of products by itself on packed operands, which lie in the
// first-level cache or, as in a product, in the second but for a panel of a: nothing is packed, shared or
// brought from beyond. bf16x3 counts the operations of one product, as a product does.
func BenchmarkLimitMicroKernel(b *testing.B) {
	const operations = 1 << 26 // of a worker, about
	for _, p := range benchPrecisions() {
		if p != F32 && !p.tiled() && !p.paired() {
			continue // float32's micro-kernel on rounded operands
		}
		for level := 1; level <= 2; level++ {
			for _, way := range microKernelWays(p) {
				b.Run(fmt.Sprintf("isa=%s/prec=%s/level=%d%s", ISA(), p, level, way.label), func(b *testing.B) {
					var bodies []func()
					var flops float64 // of a call
					for range workers() {
						body, n := microKernel(p, level, way.way)
						bodies, flops = append(bodies, body), n
					}
					calls := ceilDiv(operations, int(flops))
					b.ReportAllocs()
					peak := measuredPeak()
					onEveryWorker(b, calls, bodies)
					reportRate(b, flops*float64(calls*len(bodies)), peak)
				})
			}
		}
	}
}

// microKernelWay is one of the ways a micro-kernel reads its operands.
type microKernelWay struct {
	label string
	way   tileWay
}

func microKernelWays(p Precision) []microKernelWay {
	if p.tiled() {
		return []microKernelWay{{"/way=past", tilePast}, {"/way=ask", tileAsk}}
	}
	return []microKernelWay{{}}
}

// microKernel returns a call of the micro-kernel and how many operations it computes.
func microKernel(p Precision, level int, way tileWay) (call func(), flops float64) {
	ones := func(n int) []float32 {
		x := Pages(n)
		Fill(x, 1) // not the page of zeros
		return x
	}
	if p.tiled() {
		planes, panels := p.planes(), 1
		steps := 8 / planes
		if level == 2 {
			steps = tilePiece / planes / generic.TileDepth
			panels = tileResident / (steps * planes * generic.TileDepth * tileLanes)
		}
		size := steps * planes * generic.TileDepth * tileLanes / 2
		a, b, c := halves(ones(panels*size)), halves(ones(size)), ones(panels*tileBlock)
		return func() { tilePanels(planes, panels*tileLanes, steps, a, b, c, tileLanes, nil, 0, way) },
			2 * float64(panels*tileBlock) * float64(steps*generic.TileDepth)
	}
	tile, perStep := gemmTileShape(), 1
	if p.paired() {
		tile, perStep = pairTileShape(), 2
	}
	steps, panels := maxK/perStep, 1
	if level == 1 { // three quarters of 32 KiB
		steps = 3 << 13 / 4 / (tile.mr + tile.nr) &^ 15
	} else {
		panels = max(2, residentElements/(steps*tile.nr))
	}
	a, b, c := ones(tile.mr*steps), ones(panels*tile.nr*steps), ones(tile.mr*tile.nr*panels)
	n := tile.nr * panels
	call = func() { gemmTiles(tile.nr, steps, tileRows{data: a}, b, c, n, nil, 0, tile.mr, tile.nr, panels) }
	if p.paired() {
		call = func() { dotTiles(tile.nr, steps, tileRows{data: a}, b, c, n, nil, 0, tile.mr, tile.nr, panels) }
	}
	return call, 2 * float64(tile.mr*n) * float64(steps*perStep)
}

// BenchmarkLimitArithmetic is each operation that memory is thought to bound, on operands in the
// second-level cache. One that is slower there than a triad beyond the caches is bound by its arithmetic.
func BenchmarkLimitArithmetic(b *testing.B) {
	const rows, columns, scores = 16, 768, 197
	for _, k := range []struct {
		name            string
		elements, bytes int
		body            func() func()
	}{
		{"LayerNorm/op=fwd", rows * columns, 8, func() func() {
			x, y, gamma, beta := benchMat(rows, columns), benchMat(rows, columns), randomSlice(columns), randomSlice(columns)
			keep := NormStats{Mean: randomSlice(rows), RStd: randomSlice(rows)}
			return func() { LayerNorm(y, x, gamma, beta, 1e-6, keep) }
		}},
		{"LayerNorm/op=grad", rows * columns, 12, func() func() {
			x, dy, gamma := benchMat(rows, columns), benchMat(rows, columns), randomSlice(columns)
			keep := NormStats{Mean: randomSlice(rows), RStd: randomSlice(rows)}
			grads := LayerNormGrads{DX: benchMat(rows, columns), DGamma: randomSlice(columns), DBeta: randomSlice(columns)}
			return func() { LayerNormGrad(grads, dy, x, gamma, keep) }
		}},
		{"Gelu/op=fwd", rows * columns, 8, func() func() {
			x, y := randomSlice(rows*columns), randomSlice(rows*columns)
			return func() { Gelu(y, x) }
		}},
		{"Gelu/op=grad", rows * columns, 12, func() func() {
			x, y, z := randomSlice(rows*columns), randomSlice(rows*columns), randomSlice(rows*columns)
			return func() { GeluGrad(z, y, x) }
		}},
		{"Softmax/op=fwd", 64 * scores, 8, func() func() {
			x, y := benchMat(64, scores), benchMat(64, scores)
			return func() { Softmax(y, x) }
		}},
		{"Softmax/op=grad", 64 * scores, 12, func() func() {
			x, y, dy := benchMat(64, scores), benchMat(64, scores), benchMat(64, scores)
			return func() { SoftmaxGrad(dy, y, x) }
		}},
		{"Adam", rows * columns, 28, func() func() {
			s := newAdamVectors(rows * columns)
			return func() { Adam(s[0], s[1], s[2], s[3], benchAdam) }
		}},
	} {
		b.Run(fmt.Sprintf("isa=%s/prec=f32/kernel=%s", ISA(), k.name), func(b *testing.B) {
			const calls = 64
			var bodies []func()
			for range workers() {
				bodies = append(bodies, k.body())
			}
			b.ReportAllocs()
			triad := measuredTriad()
			onEveryWorker(b, calls, bodies)
			all := calls * len(bodies) * k.elements
			reportBytes(b, all, all*k.bytes, triad)
		})
	}
}

// benchMat is a matrix of random numbers.
func benchMat(rows, columns int) Mat { return MatOf(randomSlice(rows*columns), rows, columns) }
