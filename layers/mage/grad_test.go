package mage

import (
	"math"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/rng"
)

// TestGradients holds the gradient of the whole loss against central differences
// along one random direction a parameter, with the head untied: a tied one reads
// the word embedding without giving it a gradient, which differences would see.
func TestGradients(t *testing.T) {
	m := drawn(t, small(), 1)
	m.Untie()
	layers.SetTrainable(m.Params(), true)
	tokens, mask := draw(m.Config(), 2, 0.6, 2)
	loss := func() *autodiff.Tensor {
		tp := autodiff.NewTape()
		l := m.Loss(tp, m.Decode(tp, m.Encode(tp, tokens, mask), mask), tokens, mask)
		layers.ZeroGrad(m.Params())
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
		// noise: the loss, of order 3, is good to some 2^-22, and 2h divides that.
		got := (4*slope(1.0/256) - slope(1.0/128)) / 3
		copy(p.Value.Data, start)
		if !(math.Abs(got-want) <= 2e-4+1e-3*math.Abs(want)) {
			t.Errorf("%s: the loss changes by %v along a direction, the gradient says %v", p.Name, got, want)
		}
	}
}

// TestTiedHeadGivesNoGradient: the head reads the word embedding, detached; only
// the encoder's reading trains it.
func TestTiedHeadGivesNoGradient(t *testing.T) {
	m := drawn(t, small(), 1)
	tokens, mask := draw(m.Config(), 2, 0.6, 2)
	gradient := func() []float32 {
		layers.SetTrainable(m.Params(), true)
		layers.ZeroGrad(m.Params())
		tp := autodiff.NewTape()
		tp.Backward(m.Loss(tp, m.Decode(tp, m.Encode(tp, tokens, mask), mask), tokens, mask))
		return slices.Clone(m.words.Grad())
	}
	tied := gradient()
	m.Untie()
	if !sameBits(gradient(), tied) {
		t.Error("a tied head adds to the gradient of the word embedding")
	}
}

// TestUnlearningTouchesTheEncoderAlone: with the student equal to the original
// the retain loss is exactly 0 at the first step, and no gradient of an encoder
// distance reaches the decoder, the VQGAN or what nothing uses.
func TestUnlearningTouchesTheEncoderAlone(t *testing.T) {
	cfg := preconfigured(t, "mage_tiny")
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
	distance := func(x, y []int32) *autodiff.Tensor {
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
		if got := p.Value.Grad() != nil; got != isEncoder(p.Name) {
			t.Errorf("%s: has a gradient: %v, want %v", p.Name, got, isEncoder(p.Name))
		}
	}
}
