package ref

import (
	"slices"
	"testing"
)

// TestGemm multiplies by hand; b is a transposed view.
func TestGemm(t *testing.T) {
	a := View{Data: []float32{1, 2, 3, 4, 5, 6}, Rows: 2, Cols: 3, RowStride: 3, ColStride: 1}
	b := View{Data: []float32{1, 3, 5, -1, 1, -2}, Rows: 3, Cols: 2, RowStride: 1, ColStride: 3}
	sum, magnitude := Gemm(a, b)
	// Row 0: 1*1+2*3+3*5 = 22, 1*-1+2*1+3*-2 = -5; row 1: 4+15+30 = 49, -4+5-12 = -11.
	if want := []float64{22, -5, 49, -11}; !slices.Equal(sum, want) {
		t.Errorf("sum is %v, want %v", sum, want)
	}
	if want := []float64{22, 9, 49, 21}; !slices.Equal(magnitude, want) {
		t.Errorf("magnitude is %v, want %v", magnitude, want)
	}
}
