//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func tilePanels(planes, m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int, _ tileWay) {
	if planes == 2 {
		generic.TilePanelsSplit(m, k, a, b, c, ldc, d, ldd)
		return
	}
	generic.TilePanels(m, k, a, b, c, ldc, d, ldd)
}

func packTileRows(dst []uint16, planes int, src []float32, stride, n, k int) {
	generic.PackRows(dst, planes, src, stride, n, k)
}

func packTilePairs(dst []uint16, planes int, src []float32, stride, n, k int) {
	generic.PackPairs(dst, planes, src, stride, n, k)
}

func packHalves(dst []uint16, planes, plane int, src []float32) {
	generic.Halves(dst, planes, plane, src)
}

func gatherRows(dst []uint16, step int, src []uint16, at []int, k int) {
	generic.GatherRows(dst, step, src, at, k)
}

func transposeTiles(p []uint16, tiles int) { generic.TransposeTiles(p, tiles) }

func tileImage(p *imageProduct, groups int, at []int, c []float32, _ []float32) {
	p.generic(groups, at, c)
}

func pairPixels(dst, between []uint16, planes, half int, src []float32, stride, n, lanes, lead int) {
	generic.PairPixels(dst, between, planes, half, src, stride, n, lanes, lead)
}

func transposePairs(dst []uint16, stride int, src []uint16, tiles, steps int) {
	generic.TransposePairs(dst, stride, src, tiles, steps)
}

func tapProducts(planes, columns, k int, a, b []uint16, places []int, c []float32, ldc, add int) {
	generic.TapProducts(planes, columns, k, a, b, places, c, ldc, add)
}
