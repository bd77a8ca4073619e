package mage

import (
	"fmt"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/layers"
	"lethe/layers/rng"
)

// benchmark runs work, made for a preset, with a change if that is given, and a
// number of images, and reports the flops of the tape that it returns. The published model wants seconds and
// gigabytes: -short leaves it out.
func benchmark(b *testing.B, images int, change func(*Config), work func(b *testing.B, m *Model, n int) (tp *autodiff.Tape, run func())) {
	for _, preset := range []string{"mage_tiny", "mage_vit_base_patch16"} {
		cfg, err := Preset(preset)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("net=%s/prec=f32/px=%d/images=%d", preset, cfg.ImgSize, images), func(b *testing.B) {
			if cfg.ImgSize >= 256 && testing.Short() {
				b.Skip("a large model, and -short was given")
			}
			if change != nil {
				change(&cfg)
			}
			m, err := New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			m.Init(1)
			tp, run := work(b, m, images)
			run() // the first run allocates, the others reuse
			tp.ResetFLOPs()
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(tp.FLOPs()/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// uniform returns n random numbers in [0,1).
func uniform(n int, seed uint64) []float32 {
	r := rng.New(seed, rng.Noise, 0, 0)
	out := make([]float32, n)
	for i := range out {
		out[i] = r.Float32()
	}
	return out
}

func randomImages(c Config, n int, seed uint64) *autodiff.Tensor {
	return autodiff.FromSlice(uniform(n*c.InChans*c.ImgSize*c.ImgSize, seed), n, c.InChans, c.ImgSize, c.ImgSize)
}

func randomMask(c Config, n int) Masking {
	dropped, masked := Counts(c.Tokens(), 0.7)
	return MaskFromNoise(uniform(n*c.Tokens(), 3), n, c.Tokens(), dropped, masked)
}

// BenchmarkUnlearnStep is one whole step of unlearning: the tokens of the images
// and of the noise that takes the place of every second one, the frozen
// original on those, the student on the images, squared errors, backward, a bound
// on the norm of the gradients, AdamW.
func BenchmarkUnlearnStep(b *testing.B) {
	noDecoder := func(c *Config) { c.DecoderDepth, c.DecoderEmbedDim, c.DecoderNumHeads = 1, 16, 1 }
	benchmark(b, 4, noDecoder, func(b *testing.B, original *Model, n int) (*autodiff.Tape, func()) {
		student, err := New(original.Config())
		if err != nil {
			b.Fatal(err)
		}
		for i, p := range student.Encoder() { // the rest, and the tokenizer's memory, is the original's
			copy(p.Value.Data, original.Encoder()[i].Value.Data)
		}
		layers.SetTrainable(student.Encoder(), true)
		c, tp := original.Config(), autodiff.NewTape()
		decay, plain := layers.DecayGroups(student.Encoder())
		opt := optim.NewAdamW([]optim.Group{{Params: decay, WeightDecay: 0.05}, {Params: plain}}, optim.AdamConfig{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
		trained := slices.Concat(decay, plain)
		seen, noise, mask := randomImages(c, n, 1), randomImages(c, n/2, 2), randomMask(c, n)
		weights := make([]float32, n)
		for i := range weights {
			weights[i] = 2 / float32(n)
			if i >= n/2 {
				weights[i] *= 0.25
			}
		}
		return tp, func() {
			defer tp.Reset()
			layers.ZeroGrad(student.Encoder())
			tokens := original.Tokens(tp, seen)
			shown := append(tokens[:len(tokens)/2:len(tokens)/2], original.Tokens(tp, noise)...)
			target := tp.Frozen(func() *autodiff.Tensor { return original.Encode(tp, shown, mask) })
			latent := student.Encode(tp, tokens, mask)
			width := latent.Len() / n
			tp.BackwardOnce(tp.RowMSE(tp.Reshape(latent, n, width), tp.Reshape(target, n, width), weights))
			opt.Step(1e-4, optim.ClipScale(optim.GlobalNorm(trained), 3))
		}
	})
}

// BenchmarkForward tokenizes, encodes and decodes an image, both ways.
func BenchmarkForward(b *testing.B) {
	benchmark(b, 1, nil, func(b *testing.B, m *Model, n int) (*autodiff.Tape, func()) {
		c, tp := m.Config(), autodiff.NewTape()
		images, mask := randomImages(c, n, 1), randomMask(c, n)
		return tp, func() {
			defer tp.Reset()
			tokens := m.Tokens(tp, images)
			tp.Frozen(func() *autodiff.Tensor { return m.Image(tp, tokens, n) })
			tp.Frozen(func() *autodiff.Tensor { return m.Decode(tp, m.Encode(tp, tokens, mask), mask) })
		}
	})
}

// BenchmarkSample draws every token of an image in ten steps, and decodes them.
func BenchmarkSample(b *testing.B) {
	benchmark(b, 1, nil, func(b *testing.B, m *Model, n int) (*autodiff.Tape, func()) {
		c, tp := m.Config(), autodiff.NewTape()
		images, unknown := randomImages(c, n, 1), make([]float32, n*c.Tokens())
		for i := range unknown {
			unknown[i] = 1
		}
		o := PublishedSampling()
		o.Steps = 10
		return tp, func() {
			defer tp.Reset()
			s := m.Sample(tp, m.Tokens(tp, images), unknown, n, o)
			tp.Frozen(func() *autodiff.Tensor { return m.Image(tp, s.Tokens, n) })
		}
	})
}
