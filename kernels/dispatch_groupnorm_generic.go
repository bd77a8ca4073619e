//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func silu(y, x []float32) {
	generic.SiLU(y, x)
}

func siluGrad(dx, dy, x []float32) {
	generic.SiLUGrad(dx, dy, x)
}

func columnDeviations(sums, squares, x, base []float32, rows, stride int) {
	generic.ColumnDeviations(sums, squares, x, base, rows, stride)
}

func groupNormRows(y, x []float32, rows int, mean, scale, shift []float32) {
	generic.GroupNormRows(y, x, rows, mean, scale, shift)
}

func groupNormSiLURows(y, x []float32, rows int, mean, scale, shift []float32) {
	generic.GroupNormSiLURows(y, x, rows, mean, scale, shift)
}

func groupNormSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	generic.GroupNormSums(plain, along, dy, x, rows, mean, scale, shift)
}

func groupNormSiLUSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	generic.GroupNormSiLUSums(plain, along, dy, x, rows, mean, scale, shift)
}

func groupNormGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	generic.GroupNormGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
}

func groupNormGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	generic.GroupNormGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
}

func groupNormSiLUGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	generic.GroupNormSiLUGradRows(dx, dy, x, rows, mean, scale, shift, p, q, r)
}

func groupNormSiLUGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	generic.GroupNormSiLUGradRowsAdd(dx, dy, x, rows, mean, scale, shift, p, q, r)
}
