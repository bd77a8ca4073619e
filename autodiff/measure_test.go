package autodiff

import (
	"slices"
	"testing"

	"lethe/kernels"
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
		"ConvFused":   func() *Tensor { return tp.ConvFused(x, New(3, 1, 1, 2), nil, ConvOptions{}, ConvEnds{}) },
		"ConvFused's Add": func() *Tensor {
			return tp.ConvFused(New(1, 4, 4, 3), New(2, 1, 1, 3), nil, ConvOptions{}, ConvEnds{Add: x})
		},
		"Join": func() *Tensor { return tp.Join(x, x) },
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

// TestConvFusedSameBits: Add and Relu at the end of a convolution give what they
// give after it, and a constant weight what one gives that is packed each time.
func TestConvFusedSameBits(t *testing.T) {
	tp := NewTape()
	fill := func(shape ...int) *Tensor {
		x := New(shape...)
		for i := range x.Data {
			x.Data[i] = float32(i*37%101)/50 - 1
		}
		return x
	}
	x, w, b, side := fill(2, 13, 14, 17), fill(33, 3, 3, 17), fill(33), fill(2, 13, 14, 33)
	o := ConvOptions{PadH: 1, PadW: 1}
	for _, algorithm := range []ConvAlgorithm{0, ConvWinograd} {
		tp.SetConvAlgorithm(algorithm)
		plain := tp.Conv2D(x, w, b, o)
		want := tp.ReluInPlace(tp.Conv2D(x, w, b, o)).Data
		constant := FromSlice(w.Data, w.Shape()...)
		constant.SetConstant()
		for i := range 2 { // packed, and used again
			if got := tp.ConvFused(x, constant, b, o, ConvEnds{Relu: true}).Data; !slices.Equal(got, want) {
				t.Errorf("%v, use %d: Relu differs", algorithm, i)
			}
		}
		got := tp.ConvFused(x, w, b, o, ConvEnds{Add: side}).Data
		for i, v := range tp.Add(plain, side).Data {
			if d := float64(got[i] - v); d*d > 1e-8 {
				t.Fatalf("%v: element %d is %v, want %v", algorithm, i, got[i], v)
			}
		}
	}
}

// TestKeepPacked: a matrix that is packed and nothing else multiplies as it did, in Linear and
// in both places of MLP, in every precision; nothing else takes it.
func TestKeepPacked(t *testing.T) {
	for _, p := range Precisions() {
		tp := NewTape()
		tp.SetPrecision(p)
		fill := func(shape ...int) *Tensor {
			x := New(shape...)
			for i := range x.Data {
				x.Data[i] = float32(i*37%101)/50 - 1
			}
			return x
		}
		x, w1, b1, w2 := fill(5, 40), fill(70, 40), fill(70), fill(40, 70)
		linear := func() *Tensor { return tp.Frozen(func() *Tensor { return tp.Linear(x, w1, b1) }) }
		mlp := func() *Tensor { return tp.Frozen(func() *Tensor { return tp.MLP(x, w1, b1, w2, nil, x) }) }
		want, wantMLP := slices.Clone(linear().Data), slices.Clone(mlp().Data)
		w1.KeepPacked(p)
		w2.KeepPacked(p)
		if got := linear().Data; !slices.Equal(got, want) {
			t.Errorf("%v: Linear: %v, want %v", p, got, want)
		}
		if got := mlp().Data; !slices.Equal(got, wantMLP) {
			t.Errorf("%v: MLP: %v, want %v", p, got, wantMLP)
		}
		if w1.Data != nil {
			if p == kernels.F32 {
				t.Errorf("%v: the values are still there", p)
			}
			continue
		}
		trained := fill(5, 40)
		trained.SetTrainable(true)
		for want, f := range map[string]func(tp *Tape){
			"what is not a product": func(tp *Tape) { tp.Gelu(w1) },
			"a view":                func(tp *Tape) { tp.Reshape(w1, 40, 70) },
			"another precision": func(tp *Tape) {
				tp.SetPrecision((p + 1) % Precision(len(Precisions())))
				tp.Linear(x, w1, b1)
			},
			"a gradient, Linear":        func(tp *Tape) { tp.Linear(trained, w1, b1) },
			"a gradient, MLP":           func(tp *Tape) { tp.MLP(trained, w1, b1, w2, nil, nil) },
			"another width":             func(tp *Tape) { tp.Linear(fill(5, 41), w1, b1) },
			"another width, second one": func(tp *Tape) { tp.MLP(x, fill(71, 40), nil, w2, nil, nil) },
		} {
			t.Run(want, func(t *testing.T) {
				tp := NewTape()
				tp.SetPrecision(p)
				wantPanic(t, func() { f(tp) })
			})
		}
	}
	wantPanic(t, func() { New(2, 3, 4).KeepPacked(0) })
}

// TestConstantLinear: the same for a matrix.
func TestConstantLinear(t *testing.T) {
	tp := NewTape()
	x, w := New(5, 40), New(9, 40)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	for i := range w.Data {
		w.Data[i] = float32(i%5) - 2
	}
	want := slices.Clone(tp.Linear(x, w, nil).Data)
	w.SetConstant()
	for range 2 {
		if got := tp.Linear(x, w, nil).Data; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	wantPanic(t, func() { w.SetTrainable(true) })
	wantPanic(t, func() { tp.Linear(x, w, nil).SetConstant() })
	train := New(2)
	train.SetTrainable(true)
	wantPanic(t, func() { train.SetConstant() })
}
