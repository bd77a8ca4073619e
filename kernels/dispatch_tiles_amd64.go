//go:build amd64 && !purego

package kernels

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"lethe/kernels/internal/amx"
	"lethe/kernels/internal/generic"
)

// What package amx needs of the processor beside avx512Needs. Its packing needs
// the first alone.
var (
	bf16Needs = []cpuid.FeatureID{cpuid.AVX512BF16}
	tileNeeds = []cpuid.FeatureID{cpuid.AMXTILE, cpuid.AMXBF16}
)

// Decided once, like isa.
var (
	bf16Found  = cpuid.CPU.Supports(avx512Needs...) && cpuid.CPU.Supports(bf16Needs...)
	tilesFound = bf16Found && tilesUsable()
)

// tilePanels is generic.TilePanels, or generic.TilePanelsSplit for two planes.
func tilePanels(planes, m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int, way tileWay) {
	switch {
	case tilesFound && planes == 2 && way == tilePast:
		amx.TilePanelsSplitPast(m, k, &a[0], &b[0], &c[0], ldc, unsafe.SliceData(d), ldd)
	case tilesFound && planes == 2:
		amx.TilePanelsSplit(m, k, &a[0], &b[0], &c[0], ldc, unsafe.SliceData(d), ldd)
	case tilesFound && way == tilePast:
		amx.TilePanelsPast(m, k, &a[0], &b[0], &c[0], ldc, unsafe.SliceData(d), ldd)
	case tilesFound:
		amx.TilePanels(m, k, &a[0], &b[0], &c[0], ldc, unsafe.SliceData(d), ldd)
	case planes == 2:
		generic.TilePanelsSplit(m, k, a, b, c, ldc, d, ldd)
	default:
		generic.TilePanels(m, k, a, b, c, ldc, d, ldd)
	}
}

// packTileRows is generic.PackRows.
func packTileRows(dst []uint16, planes int, src []float32, stride, n, k int) {
	switch {
	case bf16Found && planes == 2:
		amx.PackRowsSplit(&dst[0], &src[0], stride, n, k)
	case bf16Found:
		amx.PackRows(&dst[0], &src[0], stride, n, k)
	default:
		generic.PackRows(dst, planes, src, stride, n, k)
	}
}

// packTilePairs is generic.PackPairs.
func packTilePairs(dst []uint16, planes int, src []float32, stride, n, k int) {
	switch {
	case bf16Found && planes == 2:
		amx.PackPairsSplit(&dst[0], &src[0], stride, n, k)
	case bf16Found:
		amx.PackPairs(&dst[0], &src[0], stride, n, k)
	default:
		generic.PackPairs(dst, planes, src, stride, n, k)
	}
}

// packHalves is generic.Halves.
func packHalves(dst []uint16, planes, plane int, src []float32) {
	switch {
	case bf16Found && planes == 2:
		amx.HalvesSplit(&dst[0], plane, &src[0], len(src))
	case bf16Found:
		amx.Halves(&dst[0], plane, &src[0], len(src))
	default:
		generic.Halves(dst, planes, plane, src)
	}
}

// gatherRows is generic.GatherRows.
func gatherRows(dst []uint16, step int, src []uint16, at []int, k int) {
	if bf16Found {
		amx.GatherRows(&dst[0], step, &src[0], &at[0], k)
		return
	}
	generic.GatherRows(dst, step, src, at, k)
}

// transposeTiles is generic.TransposeTiles.
func transposeTiles(p []uint16, tiles int) {
	if bf16Found {
		amx.TransposeTiles(&p[0], tiles)
		return
	}
	generic.TransposeTiles(p, tiles)
}

// tileImage is generic.TileImage, or generic.TileImageSplit for two planes. at has one
// group more than it multiplies. It asks for 8 lines of ahead for every tap of every
// group, unless ahead is nil.
func tileImage(p *imageProduct, groups int, at []int, c []float32, ahead []float32) {
	switch {
	case tilesFound && p.planes == 2:
		amx.TileImageSplit(groups, &at[0], &p.src[0], p.plane, p.stride, &p.taps[0], len(p.taps), p.steps, &p.b[0], &c[0], p.ldc, unsafe.SliceData(p.row), p.onto, unsafe.SliceData(ahead))
	case tilesFound:
		amx.TileImage(groups, &at[0], &p.src[0], p.plane, p.stride, &p.taps[0], len(p.taps), p.steps, &p.b[0], &c[0], p.ldc, unsafe.SliceData(p.row), p.onto, unsafe.SliceData(ahead))
	default:
		p.generic(groups, at, c)
	}
}

// pairPixels is generic.PairPixels.
func pairPixels(dst, between []uint16, planes, half int, src []float32, stride, n, lanes, lead int) {
	switch {
	case bf16Found && planes == 2:
		amx.PairPixelsSplit(&dst[0], unsafe.SliceData(between), half, &src[0], stride, n, lanes, lead)
	case bf16Found:
		amx.PairPixels(&dst[0], unsafe.SliceData(between), half, &src[0], stride, n, lanes, lead)
	default:
		generic.PairPixels(dst, between, planes, half, src, stride, n, lanes, lead)
	}
}

// transposePairs is generic.TransposePairs.
func transposePairs(dst []uint16, stride int, src []uint16, tiles, steps int) {
	if bf16Found {
		amx.TransposePairs(&dst[0], stride, &src[0], tiles, steps)
		return
	}
	generic.TransposePairs(dst, stride, src, tiles, steps)
}

// tapProducts is generic.TapProducts.
func tapProducts(planes, columns, k int, a, b []uint16, places []int, c []float32, ldc, add int) {
	switch {
	case tilesFound && planes == 2:
		amx.TapProductsSplit(columns, k, &a[0], &b[0], &places[0], &c[0], ldc, add)
	case tilesFound:
		amx.TapProducts(columns, k, &a[0], &b[0], &places[0], &c[0], ldc, add)
	default:
		generic.TapProducts(planes, columns, k, a, b, places, c, ldc, add)
	}
}
