package unet

import (
	"math"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
)

// TestGradient: the loss along the gradient, by central differences. The loss sees
// every map and the prediction, so every parameter has a part in it.
func TestGradient(t *testing.T) {
	m := drawn(t, small(), 1)
	layers.SetTrainable(m.Params(), true)
	x := autodiff.FromSlice(wave(2*8*8*5, 0), 2, 8, 8, 5)
	loss := func(tp *autodiff.Tape) *autodiff.Tensor {
		e := m.Encode(tp, x, []float32{0.9, 0.3})
		terms := []*autodiff.Tensor{}
		for _, f := range append(e.Maps[:len(e.Maps):len(e.Maps)], m.Decode(tp, e)) {
			terms = append(terms, tp.MSE(f, autodiff.New(f.Shape()...)))
		}
		ones := make([]float32, len(terms))
		for i := range ones {
			ones[i] = 1
		}
		return tp.WeightedSum(terms, ones)
	}
	tp := autodiff.NewTape()
	tp.Backward(loss(tp))
	grads, squares := map[string][]float32{}, 0.0
	for _, p := range m.Params() {
		if p.Fixed {
			continue
		}
		g := p.Value.Grad()
		if g == nil {
			t.Fatalf("%s has no gradient", p.Name)
		}
		grads[p.Name] = g
		for _, v := range g {
			squares += float64(v) * float64(v)
		}
	}
	norm := math.Sqrt(squares)
	at := func(step float64) float64 {
		for _, p := range m.Params() {
			for i, v := range grads[p.Name] {
				p.Value.Data[i] += float32(step * float64(v) / norm)
			}
		}
		tape := autodiff.NewTape()
		value := float64(tape.Frozen(func() *autodiff.Tensor { return loss(tape) }).Data[0])
		for _, p := range m.Params() {
			for i, v := range grads[p.Name] {
				p.Value.Data[i] -= float32(step * float64(v) / norm)
			}
		}
		return value
	}
	const h = 3e-4
	// Central differences err by h^2 times the third derivative, below 1e-3 here; float32
	// sums of a loss near 10 by 1e-6*10/h, 4e-2.
	if got := (at(h) - at(-h)) / (2 * h); !(math.Abs(got-norm) <= 1e-2*norm) {
		t.Errorf("the slope along the gradient is %g, want its norm, %g", got, norm)
	}
}
