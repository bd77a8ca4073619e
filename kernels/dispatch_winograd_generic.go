//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func winogradInput(v []float32, position, block int, x []float32, row, pixel int, _ []float32, n int) {
	generic.WinogradInput(v, position, block, x, row, pixel, n)
}

func winogradGradient(v []float32, position, block int, y []float32, row, pixel int, _ []float32, n int) {
	generic.WinogradGradient(v, position, block, y, row, pixel, n)
}

func winogradFilter(u []float32, position int, w []float32, tap int, _ []float32, n int) {
	generic.WinogradFilter(u, position, w, tap, n)
}

func winogradOutput(y []float32, row, pixel int, m []float32, position int, d []float32, dRow, dPixel, rows, cols int, _ []float32, n int) {
	generic.WinogradOutput(y, row, pixel, m, position, d, dRow, dPixel, rows, cols, n)
}

func winogradWeights(w []float32, tap int, u []float32, position int, _ []float32, n, add int) {
	generic.WinogradWeights(w, tap, u, position, n, add)
}
