package autodiff

import (
	"math"
	"math/rand/v2"
	"testing"

	"lethe/kernels"
)

// sameBits fails the test unless two results are equal bit by bit.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d elements, want %d and some", what, len(got), len(want))
		return
	}
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) {
			t.Errorf("%s: element %d is %g, want exactly %g", what, i, got[i], w)
			return
		}
	}
}

// TestPrecisionLinear: forward, dx and dw are the products that the kernel makes
// of the same operands in the tape's precision, db is float32. Normal operands
// have 24 bits, so that a product in another precision has other bits.
func TestPrecisionLinear(t *testing.T) {
	const rows, n, k = 6, 5, 37
	rng := rand.New(rand.NewPCG(4, 1))
	x, w, b, dy := draw(rng, rows, k), draw(rng, n, k), draw(rng, n), draw(rng, rows, n)
	for _, leaf := range []*Tensor{x, w, b} {
		leaf.SetTrainable(true)
	}
	tp := NewTape()
	for _, p := range kernels.Precisions() {
		tp.SetPrecision(p)
		for round := range 2 { // the second adds to the gradients of the first
			y := tp.Linear(x, w, b)
			tp.BackwardFrom(y, dy.Data)
			o := kernels.GemmOptions{Precision: p}
			want := make([]float32, rows*n)
			kernels.Gemm(kernels.MatOf(want, rows, n), kernels.MatOf(x.Data, rows, k), kernels.MatOf(w.Data, n, k).T(), kernels.GemmOptions{Bias: b.Data, Precision: p})
			sameBits(t, p.String()+": y", y.Data, want)
			tp.Reset() // keeps the precision

			dx, dw, db := make([]float32, rows*k), make([]float32, n*k), make([]float32, n)
			for again := range round + 1 {
				o.Accumulate = again > 0
				kernels.Gemm(kernels.MatOf(dx, rows, k), kernels.MatOf(dy.Data, rows, n), kernels.MatOf(w.Data, n, k), o)
				kernels.Gemm(kernels.MatOf(dw, n, k), kernels.MatOf(dy.Data, rows, n).T(), kernels.MatOf(x.Data, rows, k), o)
				kernels.ColumnSum(db, kernels.MatOf(dy.Data, rows, n), kernels.ColumnSumOptions{Accumulate: again > 0})
			}
			sameBits(t, p.String()+": dx", x.Grad(), dx)
			sameBits(t, p.String()+": dw", w.Grad(), dw)
			sameBits(t, p.String()+": db", b.Grad(), db)
		}
		for _, leaf := range []*Tensor{x, w, b} {
			leaf.ZeroGrad()
		}
	}
}

// TestPrecisionConv is the same for Conv2D.
func TestPrecisionConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	x, w, b := draw(rng, 2, 7, 5, 9), draw(rng, 6, 3, 2, 9), draw(rng, 6)
	for _, leaf := range []*Tensor{x, w, b} {
		leaf.SetTrainable(true)
	}
	o := ConvOptions{StrideH: 2, PadH: 1, PadW: 1}
	s := convShape(x, w, o)
	tp := NewTape()
	for _, p := range kernels.Precisions() {
		tp.SetPrecision(p)
		y := tp.Conv2D(x, w, b, o)
		dy := draw(rng, y.Shape()...)
		tp.BackwardFrom(y, dy.Data)

		want := make([]float32, y.Len())
		kernels.Conv2D(want, x.Data, w.Data, s, kernels.ConvOptions{Bias: b.Data, Precision: p})
		sameBits(t, p.String()+": y", y.Data, want)
		dx, dw := make([]float32, x.Len()), make([]float32, w.Len())
		kernels.Conv2DGradInput(dx, dy.Data, w.Data, s, kernels.ConvOptions{Precision: p})
		kernels.Conv2DGradWeight(dw, dy.Data, x.Data, s, kernels.ConvOptions{Precision: p})
		sameBits(t, p.String()+": dx", x.Grad(), dx)
		sameBits(t, p.String()+": dw", w.Grad(), dw)
		tp.Reset()
		for _, leaf := range []*Tensor{x, w, b} {
			leaf.ZeroGrad()
		}
	}
}

// TestPrecisionElsewhere: what is no product with weights has the same bits in
// every precision, gradients included.
func TestPrecisionElsewhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	x, gamma, beta, truth := draw(rng, 2, 5, 24), draw(rng, 24), draw(rng, 24), draw(rng, 2, 5, 8)
	leaves := []*Tensor{x, gamma, beta}
	var want [][]float32
	for _, p := range kernels.Precisions() {
		tp := NewTape()
		tp.SetPrecision(p)
		for _, leaf := range leaves {
			leaf.SetTrainable(true)
			leaf.ZeroGrad()
		}
		y := tp.Attention(tp.Gelu(tp.LayerNorm(x, gamma, beta, 1e-5)), 2)
		loss := tp.MSE(tp.Softmax(tp.SiLU(y)), truth)
		tp.Backward(loss)
		got := [][]float32{append([]float32(nil), loss.Data...)}
		for _, leaf := range leaves {
			got = append(got, append([]float32(nil), leaf.Grad()...))
		}
		if want == nil {
			want = got
		}
		for i := range got {
			sameBits(t, p.String(), got[i], want[i])
		}
	}
}

// TestSetPrecision: the zero value is F32, and a change between an op and its
// gradient is refused.
func TestSetPrecision(t *testing.T) {
	tp := NewTape()
	if tp.Precision() != kernels.F32 {
		t.Errorf("a new tape computes in %s, want f32", tp.Precision())
	}
	x := New(2, 3)
	x.SetTrainable(true)
	tp.Scale(x, 2)
	defer func() {
		if r, _ := recover().(string); r == "" {
			t.Error("a precision was set over a recorded op")
		}
		tp.Reset()
		if tp.SetPrecision(kernels.BF16); tp.Precision() != kernels.BF16 {
			t.Errorf("the precision is %s, want bf16", tp.Precision())
		}
	}()
	tp.SetPrecision(kernels.BF16)
}
