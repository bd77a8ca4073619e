//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func pairTileShape() gemmShape { return gemmTileShape() }

func dotTiles(_, k int, a tileRows, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	if a.form == rowsInPlace {
		generic.DotRows2x4(k, words(a.data), a.stride, words(b), c, ldc, d, ldd, m, n, panels)
		return
	}
	generic.DotTile2x4(k, words(a.data), words(b), c, ldc, d, ldd, m, n, panels)
}

func convDots(_ int, a []float32, aAt []int, segments, k, gap int, b, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	generic.ConvDots2x4(words(a), aAt, segments, k, gap, words(b), c, cAt, d, dAt, m, n, e, floor)
}

func dotUnits() int { return generic.ConvUnits }

func convGradDots(rows, k int, at []int, a []float32, aStep int, b []float32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	generic.ConvGradDots2x1(rows, k, at, words(a), aStep, words(b), bStep, bAt, c, ldc, cAt, m, n, add)
}

func pairLanes(dst []uint32, width int, x, y []float32, stride, n, k int) {
	generic.PairLanes(dst, width, x, y, stride, n, k)
}

func pairPanels(dst []uint32, width int, src []float32, stride, panels, k int) {
	generic.PairPanels(dst, width, src, stride, panels, k)
}

func pairTranspose(dst []uint32, width int, src []float32, stride, k int) {
	generic.PairTranspose(dst, width, 16, src, stride, k)
}

func pairRun(dst []uint32, src []float32) { generic.PairRun(dst, src) }

func dotPeak(iterations int) (flops int64) { return generic.DotPeak(iterations) }
