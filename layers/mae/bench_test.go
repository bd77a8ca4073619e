package mae

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/layers"
)

// BenchmarkUnlearnStep is one whole step of unlearning with 75 % of the patches
// removed: the student on the retain and forget images in one pass, the frozen
// original on retain images and noise in another, loss, backward, AdamW. The
// flops counted are those of matrix products, 2*M*N*K each, in every precision.
//
// peak-MiB is the peak of the process's memory so far, where Linux tells it: that of a row only
// if the row ran alone. The step of ViT-B wants seconds and gigabytes: -short leaves it out.
func BenchmarkUnlearnStep(b *testing.B) {
	for _, row := range []struct {
		preset string
		images int // per group
		large  bool
	}{
		{"mae_tiny", 8, false},
		{"mae_tiny", 64, false},
		{"mae_vit_base_patch16", 8, true},
	} {
		for _, precision := range autodiff.Precisions() {
			if precision != 0 && precision.Path() == autodiff.Precision(0).Path() {
				continue // f32 stands in for it
			}
			b.Run(fmt.Sprintf("net=%s/prec=%s/images=%d+%d", row.preset, precision, row.images, row.images), func(b *testing.B) {
				if row.large && testing.Short() {
					b.Skip("a large model, and -short was given")
				}
				cfg := preconfigured(b, row.preset)
				cfg.DecoderEmbedDim, cfg.DecoderDepth, cfg.DecoderNumHeads = 16, 1, 1 // the step has no decoder, so it takes no memory here
				s := newStep(b, cfg, row.images)
				s.tape.SetPrecision(precision)
				layers.KeepPacked(s.original.Encoder(), precision) // as the commands do
				s.run()                                            // the first step allocates, the others reuse
				s.tape.ResetFLOPs()
				b.ReportAllocs()
				for b.Loop() {
					s.run()
				}
				b.ReportMetric(s.tape.FLOPs()/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				if peak := peakMiB(); peak > 0 {
					b.ReportMetric(peak, "peak-MiB")
				}
			})
		}
	}
}

// peakMiB is the most memory that this process has had at once, or 0 where that
// is not known.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib / 1024
}

// step is everything that a step of unlearning needs.
type step struct {
	student, original *Model
	seen, shown       *autodiff.Tensor // by the student: retain, forget; by the original: retain, noise
	mask              Masking
	weights           []float32 // of the rows of the latent in the loss
	tape              *autodiff.Tape
	opt               optim.Optimizer
}

func newStep(b *testing.B, cfg Config, images int) *step {
	s := &step{original: drawn(b, cfg, 1), tape: autodiff.NewTape()}
	var err error
	if s.student, err = New(cfg); err != nil {
		b.Fatal(err)
	}
	s.student.CopyFrom(s.original)
	layers.SetTrainable(s.student.Encoder(), true)
	s.seen, s.mask = draw(cfg, 2*images, 0.75, 2)
	s.shown, _ = draw(cfg, 2*images, 0.75, 3)
	copy(s.shown.Data[:s.shown.Len()/2], s.seen.Data)

	const alpha = 0.25
	rows := images * (1 + s.mask.Keep)
	for range rows {
		s.weights = append(s.weights, 1/float32(rows))
	}
	for range rows {
		s.weights = append(s.weights, alpha/float32(rows))
	}
	decay, plain := layers.DecayGroups(s.student.Encoder())
	groups := []optim.Group{{Params: decay, WeightDecay: 0.05}, {Params: plain}}
	s.opt = optim.NewAdamW(groups, optim.AdamConfig{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
	return s
}

// run takes one step.
func (s *step) run() {
	tp := s.tape
	defer tp.Reset()
	layers.ZeroGrad(s.student.Encoder())
	target := tp.Frozen(func() *autodiff.Tensor { return s.original.Encode(tp, s.shown, s.mask) })
	latent := s.student.Encode(tp, s.seen, s.mask)
	width := s.student.Config().EmbedDim
	loss := tp.RowMSE(tp.Reshape(latent, len(s.weights), width), tp.Reshape(target, len(s.weights), width), s.weights)
	tp.BackwardOnce(loss)
	s.opt.Step(1e-4, 1)
}
