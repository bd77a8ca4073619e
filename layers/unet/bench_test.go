package unet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/layers"
)

// size is a row of a benchmark: a preset, images and their side.
type size struct {
	preset     string
	px, images int
}

// benchmark runs work, made for a configuration and a size, in every precision that
// has instructions of its own here, and reports the flops of the tape that it
// returns: those of products and convolutions, 2*M*N*K each. The published model
// wants seconds and gigabytes: -short leaves it out.
func benchmark(b *testing.B, rows []size, work func(b *testing.B, c Config, s size) (tp *autodiff.Tape, run func())) {
	for _, row := range rows {
		for _, precision := range autodiff.Precisions() {
			if precision != 0 && precision.Path() == autodiff.Precision(0).Path() {
				continue // f32 stands in for it
			}
			b.Run(fmt.Sprintf("net=%s/prec=%s/px=%d/images=%d", row.preset, precision, row.px, row.images), func(b *testing.B) {
				c, err := Preset(row.preset)
				if err != nil {
					b.Fatal(err)
				}
				if c.UNet.ImageSize >= 256 && testing.Short() {
					b.Skip("a large model, and -short was given")
				}
				tp, run := work(b, c, row)
				tp.SetPrecision(precision)
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
}

// BenchmarkUnlearnStep is one whole step of unlearning: the student on the noisy
// images, the frozen original on what they should look like, squared errors of
// all feature maps, backward, Adam.
func BenchmarkUnlearnStep(b *testing.B) {
	rows := []size{{"palette_tiny", 32, 4}, {"palette_inpainting_places2", 64, 4}, {"palette_inpainting_places2", 256, 1}}
	benchmark(b, rows, func(b *testing.B, c Config, row size) (*autodiff.Tape, func()) {
		s := newStep(b, c, row)
		return s.tape, s.run
	})
}

// BenchmarkForward is one forward pass of the whole network.
func BenchmarkForward(b *testing.B) {
	rows := []size{{"palette_tiny", 32, 1}, {"palette_inpainting_places2", 256, 1}}
	benchmark(b, rows, func(b *testing.B, c Config, row size) (*autodiff.Tape, func()) {
		m, tp := drawn(b, c, 1), autodiff.NewTape()
		tp.SetConvAlgorithm(autodiff.ConvWinograd) // as the commands have it
		x, gammas := pixels(row, c.UNet.InChannel, 2), levels(row.images)
		return tp, func() {
			defer tp.Reset()
			tp.Frozen(func() *autodiff.Tensor { return m.Decode(tp, m.Encode(tp, x, gammas)) })
		}
	})
}

// BenchmarkSample is ten steps of sampling.
func BenchmarkSample(b *testing.B) {
	rows := []size{{"palette_tiny", 32, 1}, {"palette_inpainting_places2", 256, 1}}
	benchmark(b, rows, func(b *testing.B, c Config, row size) (*autodiff.Tape, func()) {
		c.Schedule = ScheduleConfig{"linear", 10, 1e-4, 0.09}
		m, tp := drawn(b, c, 1), autodiff.NewTape()
		tp.SetConvAlgorithm(autodiff.ConvWinograd) // as the commands have it
		h := Hole{N: row.images, H: row.px, W: row.px, Truth: pixels(row, c.UNet.OutChannel, 2).Data,
			Cond: pixels(row, c.UNet.InChannel-c.UNet.OutChannel, 3).Data, Mask: make([]float32, row.images*row.px*row.px)}
		h.Start = h.Truth
		for i := range h.Mask {
			h.Mask[i] = float32(i % 2)
		}
		noise := pixels(row, c.UNet.OutChannel, 4).Data
		return tp, func() {
			defer tp.Reset()
			m.Sample(tp, h, func(_ int, dst []float32) { copy(dst, noise) })
		}
	})
}

// pixels returns random images [N,px,px,channels].
func pixels(s size, channels int, seed uint64) *autodiff.Tensor {
	x := autodiff.New(s.images, s.px, s.px, channels)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64())
	}
	return x
}

// levels returns noise levels, one an image.
func levels(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = (float32(i) + 0.5) / float32(n)
	}
	return out
}

// step is everything that a step of unlearning needs.
type step struct {
	student, original *Model
	seen, shown       *autodiff.Tensor // [N,px,px,In] by the student, by the original
	gammas            []float32
	weights           []float32 // of the images in the loss of a map
	tape              *autodiff.Tape
	opt               optim.Optimizer
}

// newStep draws the encoder alone: the up path takes no part.
func newStep(b *testing.B, c Config, row size) *step {
	s := &step{tape: autodiff.NewTape(), gammas: levels(row.images)}
	s.tape.SetConvAlgorithm(autodiff.ConvWinograd) // as the commands have it
	for _, m := range []**Model{&s.student, &s.original} {
		var err error
		if *m, err = New(c); err != nil {
			b.Fatal(err)
		}
		fill((*m).Encoder())
	}
	layers.SetTrainable(s.student.Encoder(), true)
	s.seen, s.shown = pixels(row, c.UNet.InChannel, 2), pixels(row, c.UNet.InChannel, 2)
	for i := range row.images { // every second image is to be forgotten, a single one too
		weight := 1 / float32(row.images)
		if i%2 == 1 || row.images == 1 {
			weight *= 0.1
			one := s.shown.Len() / row.images
			slices.Reverse(s.shown.Data[i*one:][:one])
		}
		s.weights = append(s.weights, weight)
	}
	decay, plain := layers.DecayGroups(s.student.Encoder())
	s.opt = optim.NewAdam([]optim.Group{{Params: append(decay, plain...)}}, optim.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8})
	return s
}

// fill draws weights that keep the size of what passes.
func fill(params []*layers.Param) {
	r := rand.New(rand.NewPCG(1, 0))
	for _, p := range params {
		data := p.Value.Data
		for i := range data {
			data[i] = float32(r.NormFloat64() / math.Sqrt(float64(len(data)/p.Shape[0])))
		}
	}
}

// run takes one step.
func (s *step) run() {
	tp := s.tape
	defer tp.Reset()
	layers.ZeroGrad(s.student.Encoder())
	targets := tp.FrozenAll(func() []*autodiff.Tensor { return s.original.Encode(tp, s.shown, s.gammas).Maps })
	var terms []*autodiff.Tensor
	var ones []float32
	for i, got := range s.student.Encode(tp, s.seen, s.gammas).Maps {
		n, width := len(s.weights), got.Len()/len(s.weights)
		terms = append(terms, tp.RowMSE(tp.Reshape(got, n, width), tp.Reshape(targets[i], n, width), s.weights))
		ones = append(ones, 1)
	}
	tp.BackwardOnce(tp.WeightedSum(terms, ones))
	s.opt.Step(5e-5, 1)
}
