package autodiff

import (
	"slices"
	"testing"
)

// TestForwardOnlyRefusesGradients: outside Frozen an input that trains panics.
func TestForwardOnlyRefusesGradients(t *testing.T) {
	x := New(1, 4, 4, 2)
	x.SetTrainable(true)
	tp := NewTape()
	for name, op := range map[string]func() *Tensor{
		"MaxPool":     func() *Tensor { return tp.MaxPool(x, PoolOptions{Kernel: 3, Stride: 2}) },
		"AvgPool":     func() *Tensor { return tp.AvgPool(x, PoolOptions{Kernel: 3, Stride: 1, Pad: 1}) },
		"MeanPixels":  func() *Tensor { return tp.MeanPixels(x) },
		"ReluInPlace": func() *Tensor { return tp.ReluInPlace(x) },
		"Join":        func() *Tensor { return tp.Join(x, x) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took an input that wants a gradient", name)
				}
			}()
			op()
		}()
		tp.Frozen(op)
	}
}

func TestJoin(t *testing.T) {
	tp := NewTape()
	y := tp.Join(FromSlice([]float32{1, 2}, 1, 1, 2, 1), FromSlice([]float32{3, 4, 5, 6}, 1, 1, 2, 2), FromSlice([]float32{7, 8}, 1, 1, 2, 1))
	if !slices.Equal(y.Shape(), []int{1, 1, 2, 4}) || !slices.Equal(y.Data, []float32{1, 3, 4, 7, 2, 5, 6, 8}) {
		t.Errorf("Join is %v %v", y.Shape(), y.Data)
	}
}
