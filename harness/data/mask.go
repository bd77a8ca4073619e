package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A patch mask is a shuffle order: the patch numbers of a g x g grid, row-major,
// visible patches first. The first keep of them are seen, the rest removed.

// RandomOrder draws a uniform order of l patches: l float32 noise values,
// sorted ascending (stable), as the reference's argsort does.
//
// Panics: l is negative.
func RandomOrder(r *rand.Rand, l int) []int32 {
	noise := make([]float32, l)
	order := make([]int32, l)
	for i := range noise {
		noise[i], order[i] = r.Float32(), int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case noise[a] < noise[b]:
			return -1
		case noise[a] > noise[b]:
			return 1
		}
		return 0
	})
	return order
}

// KeepCount is the number of visible patches, int(l*(1-ratio)).
//
// Errors: the ratio is not in [0,1), or no patch would stay visible.
func KeepCount(l int, ratio float64) (int, error) {
	if !(ratio >= 0 && ratio < 1) {
		return 0, fmt.Errorf("mask ratio %g: want at least 0 and below 1", ratio)
	}
	keep := int(float64(l) * (1 - ratio))
	if keep < 1 {
		return 0, fmt.Errorf("mask ratio %g leaves none of %d patches visible", ratio, l)
	}
	return keep, nil
}

// CentreOrder removes the central k x k patches of a g x g grid (inpainting).
// Visible patches come first, then the removed ones, each in raster order.
// When g-k is odd the hole lies half a patch up and left of the centre.
//
// Errors: k is not in [1,g), so nothing would be removed or nothing seen.
func CentreOrder(g, k int) (order []int32, keep int, err error) {
	if k < 1 || k >= g {
		return nil, 0, fmt.Errorf("centre mask of %dx%d patches on a grid of %dx%d: the side must be at least 1 and below %d", k, k, g, g, g)
	}
	return squareOrder(g, k, false), g*g - k*k, nil
}

// OutpaintOrder keeps the central k x k patches and removes the border
// (outpainting). Order, position and errors are as for CentreOrder.
func OutpaintOrder(g, k int) (order []int32, keep int, err error) {
	if k < 1 || k >= g {
		return nil, 0, fmt.Errorf("outpainting from %dx%d patches on a grid of %dx%d: the side must be at least 1 and below %d", k, k, g, g, g)
	}
	return squareOrder(g, k, true), k * k, nil
}

// squareOrder lists the patches of the central square and the others, the
// visible group first.
func squareOrder(g, k int, squareVisible bool) []int32 {
	lo := (g - k) / 2
	order, removed := make([]int32, 0, g*g), make([]int32, 0, g*g)
	for i := range g * g {
		y, x := i/g, i%g
		inside := y >= lo && y < lo+k && x >= lo && x < lo+k
		if inside == squareVisible {
			order = append(order, int32(i))
		} else {
			removed = append(removed, int32(i))
		}
	}
	return append(order, removed...)
}
