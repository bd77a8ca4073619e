package mae

import (
	"math"
	"slices"
	"testing"
)

func TestMaskFromNoise(t *testing.T) {
	nan := float32(math.NaN())
	m := MaskFromNoise([]float32{
		.4, .1, .3, .2,
		.5, .5, .1, .5, // ties keep their order
		nan, .9, nan, -1, // NaN last
	}, 3, 4, 0.5)
	if want := []int32{1, 3, 2, 0, 2, 0, 1, 3, 3, 1, 0, 2}; !slices.Equal(m.Order, want) {
		t.Errorf("order is %v, want %v", m.Order, want)
	}
	if want := []int32{3, 0, 2, 1, 1, 2, 0, 3, 2, 1, 3, 0}; !slices.Equal(m.Restore, want) {
		t.Errorf("restore is %v, want %v", m.Restore, want)
	}
	if want := []float32{1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0}; !slices.Equal(m.Removed, want) {
		t.Errorf("removed is %v, want %v", m.Removed, want)
	}
	if m.N != 3 || m.L != 4 || m.Keep != 2 {
		t.Errorf("N, L, Keep are %d, %d, %d", m.N, m.L, m.Keep)
	}
}

// TestKeep: int(L*(1-ratio)) as Python computes it, rounding of the product included.
func TestKeep(t *testing.T) {
	for _, row := range []struct {
		l     int
		ratio float64
		want  int
	}{
		{196, 0.75, 49}, {64, 0.75, 16}, {196, 0, 196}, {196, 1, 0},
		{10, 0.9, 0},  // 10*(1-0.9) = 0.9999999999999998
		{10, 0.7, 3},  // 10*(1-0.7) = 3.0000000000000004
		{10, 0.8, 1},  // 10*(1-0.8) = 1.9999999999999996
		{100, 0.9, 9}, // 100*(1-0.9) = 9.999999999999998
		{5, 0.4, 3}, {25, 0.5, 12},
	} {
		if got := Keep(row.l, row.ratio); got != row.want {
			t.Errorf("Keep(%d, %v) is %d, want %d", row.l, row.ratio, got, row.want)
		}
	}
}

func TestMaskPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"short noise":     func() { MaskFromNoise(make([]float32, 7), 2, 4, 0.5) },
		"ratio above 1":   func() { MaskFromNoise(make([]float32, 8), 2, 4, 1.5) },
		"ratio NaN":       func() { MaskFromNoise(make([]float32, 8), 2, 4, math.NaN()) },
		"short order":     func() { MaskFromOrder([]int32{0, 1}, 1, 3, 1) },
		"keep too large":  func() { MaskFromOrder([]int32{0, 1, 2}, 1, 3, 4) },
		"a patch twice":   func() { MaskFromOrder([]int32{0, 1, 1}, 1, 3, 1) },
		"a patch outside": func() { MaskFromOrder([]int32{0, 1, 3}, 1, 3, 1) },
		"negative patch":  func() { MaskFromOrder([]int32{0, 1, -1}, 1, 3, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: did not panic", name)
				}
			}()
			f()
		}()
	}
}
