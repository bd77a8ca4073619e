package ref

import (
	"slices"
	"testing"
)

// TestConvByHand convolves a 2x3 image of one channel with a 2x2 kernel and one
// column of zeros on each side. Checked by hand.
//
//	x: 1 2 3    w: 1 -1    padded: 0 1 2 3 0
//	   4 5 6       2  0            0 4 5 6 0
func TestConvByHand(t *testing.T) {
	s := Conv{N: 1, H: 2, W: 3, Ci: 1, Co: 1, KH: 2, KW: 2, StrideH: 1, StrideW: 1, PadW: 1}
	x, w := []float32{1, 2, 3, 4, 5, 6}, []float32{1, -1, 2, 0}
	y, magnitude := s.Conv2D(x, w)
	if want := []float64{-1, 7, 9, 15}; !slices.Equal(y, want) {
		t.Errorf("y is %v, want %v", y, want)
	}
	if want := []float64{1, 11, 15, 15}; !slices.Equal(magnitude, want) {
		t.Errorf("magnitude is %v, want %v", magnitude, want)
	}
	dy := []float32{1, 0, 0, 2}
	dx, _ := s.GradInput(dy, w)
	if want := []float64{-1, 0, 2, 0, 0, 4}; !slices.Equal(dx, want) {
		t.Errorf("dx is %v, want %v", dx, want)
	}
	dw, _ := s.GradWeight(dy, x)
	if want := []float64{6, 1, 12, 4}; !slices.Equal(dw, want) {
		t.Errorf("dw is %v, want %v", dw, want)
	}
}

// TestConvStridesByHand: two channels, two filters, a 1x1 kernel and stride 2 in
// one direction.
func TestConvStridesByHand(t *testing.T) {
	s := Conv{N: 1, H: 1, W: 3, Ci: 2, Co: 2, KH: 1, KW: 1, StrideH: 1, StrideW: 2}
	x, w := []float32{1, 2, 30, 40, 5, 6}, []float32{1, 1, 1, -1}
	y, _ := s.Conv2D(x, w)
	if want := []float64{3, -1, 11, -1}; !slices.Equal(y, want) {
		t.Errorf("y is %v, want %v", y, want)
	}
	dx, _ := s.GradInput([]float32{1, 2, 3, 4}, w)
	if want := []float64{3, -1, 0, 0, 7, -1}; !slices.Equal(dx, want) {
		t.Errorf("dx is %v, want %v", dx, want)
	}
}
