package mae

import (
	"fmt"
	"math"
	"slices"
)

// Masking says which patches of N images are visible. All images keep the same
// number of patches; which ones differs.
type Masking struct {
	N, L, Keep int
	Order      []int32   // [N,L] patch numbers: the first Keep are visible, in this order
	Restore    []int32   // [N,L] where each patch stands in Order
	Removed    []float32 // [N,L] 1 where the patch was removed, 0 where it is visible
}

// Keep returns how many of l patches stay visible when the fraction ratio is
// removed: int(l*(1-ratio)), as float64 arithmetic has it.
func Keep(l int, ratio float64) int { return int(float64(l) * (1 - ratio)) }

// MaskFromNoise removes the patches with the largest noise: the shuffle order is
// the ascending argsort of each row of noise [N,L]. Equal values keep their
// order and NaN comes last.
//
// Panics: len(noise) is not n*l, or ratio is not in [0,1].
func MaskFromNoise(noise []float32, n, l int, ratio float64) Masking {
	if len(noise) != n*l {
		panic(fmt.Sprintf("mae: MaskFromNoise: len(noise) is %d, want %d", len(noise), n*l))
	}
	if !(ratio >= 0 && ratio <= 1) {
		panic(fmt.Sprintf("mae: MaskFromNoise: ratio is %v, want between 0 and 1", ratio))
	}
	order := make([]int32, n*l)
	for i := range n {
		row, values := order[i*l:][:l], noise[i*l:][:l]
		for j := range row {
			row[j] = int32(j)
		}
		slices.SortStableFunc(row, func(a, b int32) int { return compareNaNLast(values[a], values[b]) })
	}
	return MaskFromOrder(order, n, l, Keep(l, ratio))
}

func compareNaNLast(x, y float32) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	}
	return boolToInt(math.IsNaN(float64(x))) - boolToInt(math.IsNaN(float64(y)))
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// MaskFromOrder keeps the first keep patches of each row of order [N,L] and
// removes the rest. It keeps order, which the caller must not change afterwards.
//
// Panics: len(order) is not n*l, keep is not in [0,l], or a row of order is no
// permutation of 0..l-1.
func MaskFromOrder(order []int32, n, l, keep int) Masking {
	if len(order) != n*l {
		panic(fmt.Sprintf("mae: MaskFromOrder: len(order) is %d, want %d", len(order), n*l))
	}
	if keep < 0 || keep > l {
		panic(fmt.Sprintf("mae: MaskFromOrder: keep is %d, want between 0 and %d", keep, l))
	}
	m := Masking{N: n, L: l, Keep: keep, Order: order, Restore: make([]int32, n*l), Removed: make([]float32, n*l)}
	for i := range n {
		restore, removed := m.Restore[i*l:][:l], m.Removed[i*l:][:l]
		for j := range restore {
			restore[j] = -1
		}
		for at, patch := range order[i*l:][:l] {
			if patch < 0 || int(patch) >= l || restore[patch] >= 0 {
				panic(fmt.Sprintf("mae: MaskFromOrder: row %d of order is no permutation of 0..%d: patch %d", i, l-1, patch))
			}
			restore[patch] = int32(at)
			if at >= keep {
				removed[patch] = 1
			}
		}
	}
	return m
}

// visible returns the patch numbers of the visible patches, [N,Keep].
func (m Masking) visible() []int32 {
	kept := make([]int32, 0, m.N*m.Keep)
	for i := range m.N {
		kept = append(kept, m.Order[i*m.L:][:m.Keep]...)
	}
	return kept
}

// encoderIndex returns, for the sequence [N,1+Keep], the row of the embedded
// patches [N*Keep] that each token is (-1: the class token) and its row in the
// position table [1+L].
func (m Masking) encoderIndex() (rows, positions []int32) {
	rows = make([]int32, 0, m.N*(1+m.Keep))
	positions = make([]int32, 0, m.N*(1+m.Keep))
	for i := range m.N {
		rows, positions = append(rows, -1), append(positions, 0)
		for j, patch := range m.Order[i*m.L:][:m.Keep] {
			rows, positions = append(rows, int32(i*m.Keep+j)), append(positions, 1+patch)
		}
	}
	return rows, positions
}

// decoderIndex returns, for the sequence [N,1+L], the row of the latent
// [N*(1+Keep)] that each token is (-1: the mask token), its row in the position
// table, and the rows of all tokens but the class token.
func (m Masking) decoderIndex() (rows, positions, patches []int32) {
	rows = make([]int32, 0, m.N*(1+m.L))
	positions = make([]int32, 0, m.N*(1+m.L))
	patches = make([]int32, 0, m.N*m.L)
	for i := range m.N {
		class := int32(i * (1 + m.Keep))
		rows, positions = append(rows, class), append(positions, 0)
		for j, at := range m.Restore[i*m.L:][:m.L] {
			row := int32(-1)
			if int(at) < m.Keep {
				row = class + 1 + at
			}
			patches = append(patches, int32(len(rows)))
			rows, positions = append(rows, row), append(positions, int32(1+j))
		}
	}
	return rows, positions, patches
}
