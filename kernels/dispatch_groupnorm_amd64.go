//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

func silu(y, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SiLU(y, x)
	case isa >= isaAVX2:
		avx2.SiLU(y, x)
	default:
		generic.SiLU(y, x)
	}
}

func siluGrad(dx, dy, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SiLUGrad(dx, dy, x)
	case isa >= isaAVX2:
		avx2.SiLUGrad(dx, dy, x)
	default:
		generic.SiLUGrad(dx, dy, x)
	}
}

func columnDeviations(sums, squares, x, base []float32, rows, stride int) {
	switch {
	case isa >= isaAVX512:
		avx512.ColumnDeviations(sums, squares, x, base, rows, stride)
	case isa >= isaAVX2:
		avx2.ColumnDeviations(sums, squares, x, base, rows, stride)
	default:
		generic.ColumnDeviations(sums, squares, x, base, rows, stride)
	}
}

func groupNormRows(y, x []float32, rows int, mean, scale, shift []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormRows(y, x, rows, mean, scale, shift)
	case isa >= isaAVX2:
		avx2.GroupNormRows(y, x, rows, mean, scale, shift)
	default:
		generic.GroupNormRows(y, x, rows, mean, scale, shift)
	}
}

func groupNormSiLURows(y, x []float32, rows int, mean, scale, shift []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormSiLURows(y, x, rows, mean, scale, shift)
	case isa >= isaAVX2:
		avx2.GroupNormSiLURows(y, x, rows, mean, scale, shift)
	default:
		generic.GroupNormSiLURows(y, x, rows, mean, scale, shift)
	}
}

func groupNormSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormSums(plain, along, dy, x, rows, mean, scale, shift)
	case isa >= isaAVX2:
		avx2.GroupNormSums(plain, along, dy, x, rows, mean, scale, shift)
	default:
		generic.GroupNormSums(plain, along, dy, x, rows, mean, scale, shift)
	}
}

func groupNormSiLUSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormSiLUSums(plain, along, dy, x, rows, mean, scale, shift)
	case isa >= isaAVX2:
		avx2.GroupNormSiLUSums(plain, along, dy, x, rows, mean, scale, shift)
	default:
		generic.GroupNormSiLUSums(plain, along, dy, x, rows, mean, scale, shift)
	}
}

func groupNormGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	case isa >= isaAVX2:
		avx2.GroupNormGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	default:
		generic.GroupNormGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	}
}

func groupNormGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	case isa >= isaAVX2:
		avx2.GroupNormGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	default:
		generic.GroupNormGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	}
}

func groupNormSiLUGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormSiLUGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	case isa >= isaAVX2:
		avx2.GroupNormSiLUGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	default:
		generic.GroupNormSiLUGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
	}
}

func groupNormSiLUGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GroupNormSiLUGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	case isa >= isaAVX2:
		avx2.GroupNormSiLUGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	default:
		generic.GroupNormSiLUGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
	}
}
