//go:build amd64 && !purego

package kernels

import (
	"unsafe"

	"lethe/kernels/internal/avx512bf16"
	"lethe/kernels/internal/generic"
)

// pairTileShape is the geometry that dotTiles, convDots and convGradDots have.
func pairTileShape() gemmShape {
	if bf16Found {
		return gemmShape{mr: avx512bf16.GemmMR, nr: avx512bf16.GemmNR, step: avx512bf16.GemmStep}
	}
	return gemmShape{mr: generic.GemmMR, nr: generic.GemmNR, step: generic.GemmNR}
}

// dotTiles is generic.DotTile2x4 or, for rows in place, DotRows2x4.
func dotTiles(width, k int, a tileRows, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	wa, wb := words(a.data), words(b)
	pa, pb, pc, pd := &wa[0], &wb[0], &c[0], unsafe.SliceData(d)
	rows := a.form == rowsInPlace
	switch {
	case bf16Found && width == 48 && rows:
		avx512bf16.DotRows8x48(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case bf16Found && width == 48:
		avx512bf16.DotTile8x48(k, pa, pb, pc, ldc, pd, ldd, m, n, panels)
	case bf16Found && width == 32 && rows:
		avx512bf16.DotRows8x32(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case bf16Found && width == 32:
		avx512bf16.DotTile8x32(k, pa, pb, pc, ldc, pd, ldd, m, n, panels)
	case bf16Found && rows:
		avx512bf16.DotRows8x16(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case bf16Found:
		avx512bf16.DotTile8x16(k, pa, pb, pc, ldc, pd, ldd, m, n, panels)
	case rows:
		generic.DotRows2x4(k, wa, a.stride, wb, c, ldc, d, ldd, m, n, panels)
	default:
		generic.DotTile2x4(k, wa, wb, c, ldc, d, ldd, m, n, panels)
	}
}

// convDots is generic.ConvDots2x4 for a panel of weights of the given width and
// pairTileShape().mr pixels.
func convDots(width int, a []float32, aAt []int, segments, k, gap int, b, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	wa, wb := words(a), words(b)
	pa, pb, pc, pd := unsafe.SliceData(wa), unsafe.SliceData(wb), &c[0], unsafe.SliceData(d)
	ta, tc, td, pe := &aAt[0], &cAt[0], unsafe.SliceData(dAt), unsafe.SliceData(e)
	switch {
	case bf16Found && width == 48:
		avx512bf16.ConvDots8x48(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case bf16Found && width == 32:
		avx512bf16.ConvDots8x32(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case bf16Found:
		avx512bf16.ConvDots8x16(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	default:
		generic.ConvDots2x4(wa, aAt, segments, k, gap, wb, c, cAt, d, dAt, m, n, e, floor)
	}
}

// dotUnits is the most units that convGradDots takes.
func dotUnits() int {
	if bf16Found {
		return avx512bf16.ConvUnits
	}
	return generic.ConvUnits
}

// convGradDots is generic.ConvGradDots2x1 for len(bAt) units and pairTileShape().mr rows.
func convGradDots(rows, k int, at []int, a []float32, aStep int, b []float32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	wa, wb := words(a), words(b)
	t, pa, pb, tb, pc, tc := unsafe.SliceData(at), &wa[0], &wb[0], &bAt[0], &c[0], &cAt[0]
	switch {
	case bf16Found && len(bAt) == 3:
		avx512bf16.ConvGradDots8x3(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	case bf16Found && len(bAt) == 2:
		avx512bf16.ConvGradDots8x2(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	case bf16Found:
		avx512bf16.ConvGradDots8x1(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	default:
		generic.ConvGradDots2x1(rows, k, at, wa, aStep, wb, bStep, bAt, c, ldc, cAt, m, n, add)
	}
}

// pairLanes is generic.PairLanes for n up to 16 lanes, and y there.
func pairLanes(dst []uint32, width int, x, y []float32, stride, n, k int) {
	if bf16Found {
		avx512bf16.PairLanes16(&dst[0], width, &x[0], &y[0], stride, n, k)
		return
	}
	generic.PairLanes(dst, width, x, y, stride, n, k)
}

// pairPanels is generic.PairPanels for panels of width pairTileShape().mr.
func pairPanels(dst []uint32, width int, src []float32, stride, panels, k int) {
	if bf16Found {
		avx512bf16.PairPanels8(&dst[0], &src[0], stride, panels, k)
		return
	}
	generic.PairPanels(dst, width, src, stride, panels, k)
}

// pairTranspose is generic.PairTranspose for 16 lanes and k a multiple of 32.
func pairTranspose(dst []uint32, width int, src []float32, stride, k int) {
	if bf16Found {
		avx512bf16.PairTranspose16(&dst[0], width, &src[0], stride, k)
		return
	}
	generic.PairTranspose(dst, width, 16, src, stride, k)
}

// pairRun is generic.PairRun.
func pairRun(dst []uint32, src []float32) {
	if bf16Found && len(src) > 0 {
		avx512bf16.PairRun(&dst[0], &src[0], len(src))
		return
	}
	generic.PairRun(dst, src)
}

// dotPeak is generic.DotPeak.
func dotPeak(iterations int) (flops int64) {
	if bf16Found {
		return avx512bf16.DotPeak(iterations)
	}
	return generic.DotPeak(iterations)
}
