//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func gemmTileShape() gemmShape {
	return gemmShape{mr: generic.GemmMR, nr: generic.GemmNR, step: generic.GemmNR}
}

func gemmTiles(_, k int, a tileRows, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	switch a.form {
	case rowsInPlace:
		generic.GemmRows2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	case columnsInPlace:
		generic.GemmColumns2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	default:
		generic.GemmTile2x4(k, a.data, a.stride, b, c, ldc, d, ldd, m, n, panels)
	}
}

func packCopy(dst []float32, width int, src []float32, stride, n, k int) {
	generic.PackCopy(dst, width, src, stride, n, k)
}

func packWhole(dst []float32, width int, src []float32, stride, panels, k int) {
	generic.PackPanels(dst, width, src, stride, panels, k)
}

func packTranspose8(dst []float32, width int, src []float32, stride, n, k int) {
	generic.PackTranspose(dst, width, min(8, width), src, stride, n, k)
}

func wholeTransposes(int, int) (lanes, steps int) { return 0, 0 }

func packTranspose16(dst []float32, width int, src []float32, stride, k int) {
	generic.PackTranspose(dst, width, 16, src, stride, 16, k)
}

func prefetch([]float32, int, int, int) {}

func fmaPeak(iterations int) (flops int64) { return generic.FMAPeak(iterations) }
