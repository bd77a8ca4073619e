package mage

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/layers/rng"
)

// sixteen is a model of 16x16 tokens that tests can afford.
func sixteen() Config {
	c := small()
	c.ImgSize, c.VQGAN.Resolution, c.Depth = 32, 32, 1
	return c
}

// square returns 1 in the central k x k of n fields of 16 x 16.
func square(n, k int) []float32 {
	out := make([]float32, n*256)
	for i := range out {
		y, x := i/16%16, i%16
		if lo := (16 - k) / 2; y >= lo && y < lo+k && x >= lo && x < lo+k {
			out[i] = 1
		}
	}
	return out
}

func codes(cfg Config, n int) []int32 {
	r := rng.New(9, rng.Noise, 0, 0)
	out := make([]int32, n*cfg.Tokens())
	for i := range out {
		out[i] = int32(r.IntN(cfg.VQGAN.NEmbed))
	}
	return out
}

// TestSampleSteps: how many of the 20 steps run.
// Source: the project's specification, section 1.7 (6 for a hole of 8x8 tokens,
// 2 for one of 4x4, both dilated by one).
func TestSampleSteps(t *testing.T) {
	m := drawn(t, sixteen(), 1)
	for _, row := range []struct{ hole, steps int }{{10, 6}, {6, 2}, {16, 20}, {1, 1}, {0, 0}} {
		got := m.Sample(autodiff.NewTape(), codes(m.cfg, 1), square(1, row.hole), 1, PublishedSampling())
		if got.Steps[0] != row.steps {
			t.Errorf("a hole of %d tokens a side: %d steps, want %d", row.hole, got.Steps[0], row.steps)
		}
	}
}

// TestSample: known tokens stay, unknown ones become codes whatever they were,
// and the first latent is that of the masked sequence.
func TestSample(t *testing.T) {
	m := drawn(t, sixteen(), 1)
	tokens, unknown := codes(m.cfg, 3), slices.Concat(square(1, 10), square(1, 0), square(1, 6))
	tp := autodiff.NewTape()
	got := m.Sample(tp, tokens, unknown, 3, PublishedSampling())
	other := slices.Clone(tokens)
	changed := 0
	for i, u := range unknown {
		if u == 0 && got.Tokens[i] != tokens[i] {
			t.Fatalf("known token %d became %d, was %d", i, got.Tokens[i], tokens[i])
		}
		if got.Tokens[i] < 0 || int(got.Tokens[i]) >= m.cfg.VQGAN.NEmbed {
			t.Fatalf("token %d is %d", i, got.Tokens[i])
		}
		if u == 1 {
			other[i] = (other[i] + 1) % int32(m.cfg.VQGAN.NEmbed)
			if got.Tokens[i] != tokens[i] {
				changed++
			}
		}
	}
	if changed < 50 {
		t.Errorf("only %d of 136 unknown tokens were filled in anew", changed)
	}
	again := m.Sample(tp, other, unknown, 3, PublishedSampling())
	if !slices.Equal(again.Tokens, got.Tokens) || !sameBits(again.Latent, got.Latent) {
		t.Error("the samples depend on tokens that are unknown")
	}
	mk := Masking{N: 3, L: 256, Kept: 256, Dropped: make([]float32, 3*256), Masked: unknown}
	if latent := m.Encode(tp, tokens, mk); !sameBits(latent.Data, got.Latent) {
		t.Error("the latent is not that of the first view")
	}
	if s := m.Sample(tp, tokens, unknown, 3, Sampling{Steps: 20, Temperature: 6, Seed: 1}); slices.Equal(s.Tokens, got.Tokens) {
		t.Error("another seed gives the same samples")
	}
}

// TestSampleAlone: an image is completed alike alone, with company of other
// holes, and by any number of workers.
func TestSampleAlone(t *testing.T) {
	m := drawn(t, sixteen(), 1)
	tokens, unknown := codes(m.cfg, 3), slices.Concat(square(1, 10), square(1, 3), square(1, 6))
	want := m.Sample(autodiff.NewTape(), tokens, unknown, 3, PublishedSampling())
	for i := range 3 {
		got := m.Sample(autodiff.NewTape(), tokens[i*256:][:256], unknown[i*256:][:256], 1, PublishedSampling())
		if !slices.Equal(got.Tokens, want.Tokens[i*256:][:256]) {
			t.Errorf("image %d depends on its company", i)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if one := m.Sample(autodiff.NewTape(), tokens, unknown, 3, PublishedSampling()); !slices.Equal(one.Tokens, want.Tokens) || !sameBits(one.Latent, want.Latent) {
		t.Error("one worker gives other samples")
	}
}

// TestSampleSchedule: after each step as many tokens are unknown as the cosine
// says, at least one, fewer than before, and none after the last.
func TestSampleSchedule(t *testing.T) {
	cfg := sixteen()
	m := drawn(t, cfg, 1)
	s := sampler{m: m, tp: autodiff.NewTape(), o: PublishedSampling(), l: 256, tokens: codes(cfg, 1), unknown: square(1, 10),
		latent: make([]float32, 257*cfg.EmbedDim), steps: make([]int, 1)}
	left := 100
	for step := 14; step < 20; step++ {
		s.step(step, []int{0})
		want := max(1, min(left-1, int(256*math.Cos(math.Pi/2*float64(step+1)/20))))
		if step == 19 {
			want = 0
		}
		if left = s.count(0); left != want {
			t.Errorf("after step %d %d tokens are unknown, want %d", step, left, want)
		}
	}
}

// TestClassAt: the inverse of the cumulative distribution.
func TestClassAt(t *testing.T) {
	logits := []float32{float32(math.Log(1)), float32(math.Log(2)), float32(math.Log(5))}
	for _, row := range []struct {
		u     float64
		class int32
		p     float64
	}{{0, 0, 1. / 8}, {0.1249, 0, 1. / 8}, {0.1251, 1, 2. / 8}, {0.3749, 1, 2. / 8}, {0.3751, 2, 5. / 8}, {0.999999999, 2, 5. / 8}} {
		class, logP := classAt(logits, row.u)
		if class != row.class || !(math.Abs(math.Exp(logP)-row.p) <= 1e-6) {
			t.Errorf("u = %v: class %d of probability %v, want %d of %v", row.u, class, math.Exp(logP), row.class, row.p)
		}
	}
}
