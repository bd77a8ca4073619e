//go:build amd64 && !purego

package kernels

import (
	"unsafe"

	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

// convTile is generic.ConvTile2x4 for a panel of weights of the given width and
// gemmTileShape().mr pixels.
func convTile(width int, a []float32, aAt []int, segments, k, gap int, b, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	pa, pb, pc, pd := unsafe.SliceData(a), unsafe.SliceData(b), &c[0], unsafe.SliceData(d)
	ta, tc, td, pe := &aAt[0], &cAt[0], unsafe.SliceData(dAt), unsafe.SliceData(e)
	switch {
	case isa >= isaAVX512 && width == 48:
		avx512.ConvTile8x48(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case isa >= isaAVX512 && width == 32:
		avx512.ConvTile8x32(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case isa >= isaAVX512:
		avx512.ConvTile8x16(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case isa >= isaAVX2 && width == 16:
		avx2.ConvTile6x16(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	case isa >= isaAVX2:
		avx2.ConvTile6x8(pa, ta, segments, k, gap, pb, pc, tc, pd, td, m, n, pe, floor)
	default:
		generic.ConvTile2x4(a, aAt, segments, k, gap, b, c, cAt, d, dAt, m, n, e, floor)
	}
}

// convUnit is the columns of a unit, on every instruction set.
const convUnit = generic.ConvUnit

// packCopy16 is generic.PackCopy for panels of 16 lanes.
func packCopy16(dst, src []float32, stride, n, k int) {
	switch {
	case isa >= isaAVX512:
		avx512.PackCopy16(&dst[0], &src[0], stride, n, k)
	case isa >= isaAVX2:
		avx2.PackCopy16(&dst[0], &src[0], stride, n, k)
	default:
		generic.PackCopy(dst, 16, src, stride, n, k)
	}
}

// convUnits is the most units that convGradTile takes.
func convUnits() int {
	switch {
	case isa >= isaAVX512:
		return avx512.ConvUnits
	case isa >= isaAVX2:
		return avx2.ConvUnits
	}
	return generic.ConvUnits
}

// convGradTile is generic.ConvGradTile2x1 for len(bAt) units and
// gemmTileShape().mr rows.
func convGradTile(rows, k int, at []int, a []float32, aStep int, b []float32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	t, pa, pb, tb, pc, tc := unsafe.SliceData(at), &a[0], &b[0], &bAt[0], &c[0], &cAt[0]
	switch {
	case isa >= isaAVX512 && len(bAt) == 3:
		avx512.ConvGradTile8x3(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	case isa >= isaAVX512 && len(bAt) == 2:
		avx512.ConvGradTile8x2(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	case isa >= isaAVX512:
		avx512.ConvGradTile8x1(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	case isa >= isaAVX2:
		avx2.ConvGradTile6x1(rows, k, t, pa, aStep, pb, bStep, tb, pc, ldc, tc, m, n, add)
	default:
		generic.ConvGradTile2x1(rows, k, at, a, aStep, b, bStep, bAt, c, ldc, cAt, m, n, add)
	}
}
