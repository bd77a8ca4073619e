//go:build amd64 && !purego

package kernels

import (
	"unsafe"

	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

// winogradInput is generic.WinogradInput. tmp is winogradTemporary elements.
func winogradInput(v []float32, position, block int, x []float32, row, pixel int, tmp []float32, n int) {
	switch {
	case isa >= isaAVX512:
		avx512.WinogradInput(&v[0], position, block, &x[0], row, pixel, &tmp[0], n)
	case isa >= isaAVX2:
		avx2.WinogradInput(&v[0], position, block, &x[0], row, pixel, &tmp[0], n)
	default:
		generic.WinogradInput(v, position, block, x, row, pixel, n)
	}
}

// winogradGradient is generic.WinogradGradient.
func winogradGradient(v []float32, position, block int, y []float32, row, pixel int, tmp []float32, n int) {
	switch {
	case isa >= isaAVX512:
		avx512.WinogradGradient(&v[0], position, block, &y[0], row, pixel, &tmp[0], n)
	case isa >= isaAVX2:
		avx2.WinogradGradient(&v[0], position, block, &y[0], row, pixel, &tmp[0], n)
	default:
		generic.WinogradGradient(v, position, block, y, row, pixel, n)
	}
}

// winogradFilter is generic.WinogradFilter.
func winogradFilter(u []float32, position int, w []float32, tap int, tmp []float32, n int) {
	switch {
	case isa >= isaAVX512:
		avx512.WinogradFilter(&u[0], position, &w[0], tap, &tmp[0], n)
	case isa >= isaAVX2:
		avx2.WinogradFilter(&u[0], position, &w[0], tap, &tmp[0], n)
	default:
		generic.WinogradFilter(u, position, w, tap, n)
	}
}

// winogradOutput is generic.WinogradOutput.
func winogradOutput(y []float32, row, pixel int, m []float32, position int, d []float32, dRow, dPixel, rows, cols int, tmp []float32, n int) {
	switch {
	case isa >= isaAVX512:
		avx512.WinogradOutput(&y[0], row, pixel, &m[0], position, unsafe.SliceData(d), dRow, dPixel, rows, cols, &tmp[0], n)
	case isa >= isaAVX2:
		avx2.WinogradOutput(&y[0], row, pixel, &m[0], position, unsafe.SliceData(d), dRow, dPixel, rows, cols, &tmp[0], n)
	default:
		generic.WinogradOutput(y, row, pixel, m, position, d, dRow, dPixel, rows, cols, n)
	}
}

// winogradWeights is generic.WinogradWeights.
func winogradWeights(w []float32, tap int, u []float32, position int, tmp []float32, n, add int) {
	switch {
	case isa >= isaAVX512:
		avx512.WinogradWeights(&w[0], tap, &u[0], position, &tmp[0], n, add)
	case isa >= isaAVX2:
		avx2.WinogradWeights(&w[0], tap, &u[0], position, &tmp[0], n, add)
	default:
		generic.WinogradWeights(w, tap, u, position, n, add)
	}
}
