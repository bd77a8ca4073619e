//go:build amd64 && !purego

package kernels

import (
	"unsafe"

	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

// gemmTileShape is the geometry that gemmTiles, packCopy and packTranspose have.
func gemmTileShape() gemmShape {
	switch {
	case isa >= isaAVX512:
		return gemmShape{mr: avx512.GemmMR, nr: avx512.GemmNR, step: avx512.GemmStep}
	case isa >= isaAVX2:
		return gemmShape{mr: avx2.GemmMR, nr: avx2.GemmNR, step: avx2.GemmStep}
	}
	return gemmShape{mr: generic.GemmMR, nr: generic.GemmNR, step: generic.GemmNR}
}

// gemmTiles is generic.GemmTile2x4 or, for rows in place, GemmRows2x4 or
// GemmColumns2x4, for panels of b of the given width.
func gemmTiles(width, k int, a tileRows, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	pa, pb, pc, pd := &a.data[0], &b[0], &c[0], unsafe.SliceData(d)
	rows, columns := a.form == rowsInPlace, a.form == columnsInPlace
	next, left, run, skip := pb, 0, 0, 0 // nothing to ask for: the lines of b that come in any case, without end
	if a.ahead.data != nil {
		next, left, run, skip = &a.ahead.data[0], a.ahead.left, a.ahead.run, a.ahead.skip
	}
	switch {
	case isa >= isaAVX512 && width == 48 && rows:
		avx512.GemmRows8x48(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && width == 48 && columns:
		avx512.GemmColumns8x48(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && width == 48:
		avx512.GemmTile8x48(k, pa, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && width == 32 && rows:
		avx512.GemmRows8x32(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && width == 32 && columns:
		avx512.GemmColumns8x32(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && width == 32:
		avx512.GemmTile8x32(k, pa, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && rows:
		avx512.GemmRows8x16(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512 && columns:
		avx512.GemmColumns8x16(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX512:
		avx512.GemmTile8x16(k, pa, pb, pc, ldc, pd, ldd, m, n, panels, next, left, run, skip)
	case isa >= isaAVX2 && width == 16 && rows:
		avx2.GemmRows6x16(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case isa >= isaAVX2 && width == 16:
		avx2.GemmTile6x16(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case isa >= isaAVX2 && rows:
		avx2.GemmRows6x8(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case isa >= isaAVX2:
		avx2.GemmTile6x8(k, pa, a.stride, pb, pc, ldc, pd, ldd, m, n, panels)
	case rows:
		generic.GemmRows2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	case columns:
		generic.GemmColumns2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	default:
		generic.GemmTile2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	}
}

// packCopy is generic.PackCopy.
func packCopy(dst []float32, width int, src []float32, stride, n, k int) {
	to, from := &dst[0], &src[0]
	switch {
	case isa >= isaAVX512 && width == 48:
		avx512.PackCopy48(to, from, stride, n, k)
	case isa >= isaAVX512 && width == 32:
		avx512.PackCopy32(to, from, stride, n, k)
	case isa >= isaAVX512 && width == 16:
		avx512.PackCopy16(to, from, stride, n, k)
	case isa >= isaAVX512:
		avx512.PackCopy8(to, from, stride, n, k)
	case isa >= isaAVX2 && width == 16:
		avx2.PackCopy16(to, from, stride, n, k)
	case isa >= isaAVX2 && width == 8:
		avx2.PackCopy8(to, from, stride, n, k)
	case isa >= isaAVX2:
		avx2.PackCopy6(to, from, stride, n, k)
	default:
		generic.PackCopy(dst, width, src, stride, n, k)
	}
}

// packWhole is generic.PackPanels for panels of a.
func packWhole(dst []float32, width int, src []float32, stride, panels, k int) {
	switch {
	case isa >= isaAVX512:
		avx512.PackPanels8(&dst[0], &src[0], stride, panels, k)
	case isa >= isaAVX2:
		avx2.PackPanels6(&dst[0], &src[0], stride, panels, k)
	default:
		generic.PackPanels(dst, width, src, stride, panels, k)
	}
}

// packTranspose8 is generic.PackTranspose for eight adjacent lanes of a panel,
// or six on the panels of that width.
func packTranspose8(dst []float32, width int, src []float32, stride, n, k int) {
	to, from := &dst[0], &src[0]
	switch {
	case isa >= isaAVX2 && width == 6:
		avx2.PackTranspose6(to, width, from, stride, n, k)
	case isa >= isaAVX2:
		avx2.PackTranspose8(to, width, from, stride, n, k)
	default:
		generic.PackTranspose(dst, width, min(8, width), src, stride, n, k)
	}
}

// wholeTransposes is how many of n lanes and k steps packTranspose16 takes, or neither.
func wholeTransposes(n, k int) (lanes, steps int) {
	if isa < isaAVX512 || n < 16 || k < 16 {
		return 0, 0
	}
	return n &^ 15, k &^ 15
}

// packTranspose16 is generic.PackTranspose for sixteen adjacent lanes of a panel and a
// multiple of sixteen steps.
func packTranspose16(dst []float32, width int, src []float32, stride, k int) {
	avx512.PackTranspose16(&dst[0], width, &src[0], stride, k)
}

// prefetch asks for lines cache lines from each of rows rows.
func prefetch(p []float32, stride, rows, lines int) {
	if isa >= isaAVX2 {
		avx2.Prefetch(&p[0], stride, rows, lines)
	}
}

// fmaPeak is generic.FMAPeak.
func fmaPeak(iterations int) (flops int64) {
	switch {
	case isa >= isaAVX512:
		return avx512.FMAPeak(iterations)
	case isa >= isaAVX2:
		return avx2.FMAPeak(iterations)
	}
	return generic.FMAPeak(iterations)
}
