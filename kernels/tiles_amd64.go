//go:build amd64 && !purego

package kernels

import (
	"math"

	"github.com/klauspost/cpuid/v2"

	"lethe/kernels/internal/amx"
	"lethe/kernels/internal/generic"
)

// tileState are the bits of XCR0 that say that the operating system saves the
// configuration and the contents of tiles.
const tileState = 1<<17 | 1<<18

// tilesUsable reports whether this process can multiply on tiles: the processor
// has them, the operating system saves them, it permits this process to use
// them, and one product comes out right. Each of them can be missing alone:
// virtual machines mask features and sandboxes forbid the request.
func tilesUsable() bool {
	if !emulatedTiles() {
		if !cpuid.CPU.Supports(tileNeeds...) || amx.XCR0()&tileState != tileState || !permitTiles() {
			return false
		}
	}
	return tilesWork(1) && tilesWork(2)
}

// tilesWork multiplies one step of two panels and compares every bit.
func tilesWork(planes int) bool {
	const size = generic.TileLanes * generic.TileDepth
	a, b := make([]uint16, planes*size), make([]uint16, planes*size)
	for i := range a {
		a[i] = generic.BF16(float32(i%37) - 18)
		b[i] = generic.BF16(float32(i%41)/64 - 0.25)
	}
	c, want := make([]float32, size), make([]float32, size)
	bias := want[:generic.TileLanes]
	for i := range bias {
		bias[i] = float32(i)
	}
	if planes == 2 {
		amx.TilePanelsSplit(generic.TileLanes, 1, &a[0], &b[0], &c[0], generic.TileLanes, &bias[0], 0)
		generic.TilePanelsSplit(generic.TileLanes, 1, a, b, want, generic.TileLanes, append([]float32(nil), bias...), 0)
	} else {
		amx.TilePanels(generic.TileLanes, 1, &a[0], &b[0], &c[0], generic.TileLanes, &bias[0], 0)
		generic.TilePanels(generic.TileLanes, 1, a, b, want, generic.TileLanes, append([]float32(nil), bias...), 0)
	}
	for i := range c {
		if math.Float32bits(c[i]) != math.Float32bits(want[i]) {
			return false
		}
	}
	return true
}
