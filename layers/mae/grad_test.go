package mae

import (
	"math"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/rng"
)

// TestGradients holds the gradient of the whole loss against central differences
// along one random direction a parameter.
func TestGradients(t *testing.T) {
	cfg := small()
	cfg.NormPixLoss = true
	m := drawn(t, cfg, 1)
	layers.SetTrainable(m.Params(), true)
	images, mask := draw(cfg, 2, 0.5, 2)
	loss := func() *autodiff.Tensor {
		tp := autodiff.NewTape()
		l := m.Loss(tp, m.Decode(tp, m.Encode(tp, images, mask), mask), m.Target(tp, images), mask)
		tp.Backward(l)
		return l
	}
	loss()
	grads := map[string][]float32{}
	for _, p := range m.Params() {
		grads[p.Name] = slices.Clone(p.Value.Grad())
	}
	r := rng.New(3, rng.Noise, 0, 0)
	for _, p := range m.Params() {
		if p.Fixed {
			if grads[p.Name] != nil {
				t.Errorf("%s is fixed but has a gradient", p.Name)
			}
			continue
		}
		direction := make([]float32, p.Value.Len())
		layers.Normal(direction, 1/math.Sqrt(float64(len(direction))), r)
		var want float64
		for i, g := range grads[p.Name] {
			want += float64(g) * float64(direction[i])
		}
		start := slices.Clone(p.Value.Data)
		slope := func(h float32) float64 {
			at := func(step float32) float64 {
				for i, d := range direction {
					p.Value.Data[i] = start[i] + step*d
				}
				return float64(loss().Data[0])
			}
			return (at(h) - at(-h)) / (2 * float64(h))
		}
		// Two steps, extrapolated, cancel the third derivative. What remains is
		// noise: the loss, of order 1, is good to some 2^-23, and 2h divides that.
		got := (4*slope(1.0/256) - slope(1.0/128)) / 3
		copy(p.Value.Data, start)
		if !(math.Abs(got-want) <= 1e-4+1e-3*math.Abs(want)) {
			t.Errorf("%s: the loss changes by %v along a direction, the gradient says %v", p.Name, got, want)
		}
	}
}

// TestUnlearningTouchesTheEncoderAlone: with the student equal to the original
// the retain loss is exactly 0 at the first step, and no gradient of an encoder
// distance reaches the decoder or the positions.
func TestUnlearningTouchesTheEncoderAlone(t *testing.T) {
	cfg := preconfigured(t, "mae_tiny")
	original := drawn(t, cfg, 1)
	student, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	student.CopyFrom(original)
	layers.SetTrainable(student.Encoder(), true)
	retain, mask := draw(cfg, 4, 0.75, 2)
	forget, _ := draw(cfg, 4, 0.75, 3)
	noise, _ := draw(cfg, 4, 0.75, 4)

	tp := autodiff.NewTape()
	distance := func(x, y *autodiff.Tensor) *autodiff.Tensor {
		target := tp.Frozen(func() *autodiff.Tensor { return original.Encode(tp, y, mask) })
		return tp.MSE(student.Encode(tp, x, mask), target)
	}
	kept, lost := distance(retain, retain), distance(forget, noise)
	if kept.Data[0] != 0 {
		t.Errorf("the retain loss of the first step is %v, want exactly 0", kept.Data[0])
	}
	if !(lost.Data[0] > 0) {
		t.Errorf("the forget loss of the first step is %v", lost.Data[0])
	}
	tp.Backward(tp.WeightedSum([]*autodiff.Tensor{kept, lost}, []float32{1, 0.25}))
	for _, p := range student.Params() {
		trains := !p.Fixed && !isDecoder(p.Name)
		if got := p.Value.Grad() != nil; got != trains {
			t.Errorf("%s: has a gradient: %v, want %v", p.Name, got, trains)
		}
	}
	for _, p := range original.Params() {
		if p.Value.Grad() != nil {
			t.Errorf("%s of the original has a gradient", p.Name)
		}
	}
}
