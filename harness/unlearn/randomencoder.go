package unlearn

import (
	"math"

	"lethe/autodiff"
	"lethe/kernels"
)

// RandomEncoder moves the encoder's output on forget images to Gaussian noise
// in embedding space, with the scalar mean and deviation of the original's
// embeddings of the batch.
var RandomEncoder = register(Method{
	Name:          "random-encoder",
	Loss:          "mean‖E(T(x_r)) − E₀(T(x_r))‖² + α·mean‖E(T(x_f)) − e‖²,  e ~ N(m, s²) with m, s of E₀ on the batch",
	Source:        "baseline RANDOM ENCODER of arXiv 2402.00351; the (1+y) weight of its released code is not reproduced",
	Trains:        EncoderOnly,
	NeedsOriginal: true,
	Schedule:      "the schedule of ours; decisions 15 and 16 of the specification",
	Losses: func(s *Step) Losses {
		target := s.originalFeatures(s.Draw.Seen())
		of := make([]moments, len(target))
		for k, t := range target {
			of[k].std = 1
			if !s.Options.UnitNoise {
				of[k].mean, of[k].std = scalarStats(t)
			}
		}
		s.gaussian(target, of, s.Draw.Forget)
		maps := s.studentFeatures()
		defer s.Time("loss")()
		retain := s.distance(maps, target, s.Draw.Retain)
		forget := s.distance(maps, target, s.Draw.Forget)
		return s.combine(retain, forget, s.Options.Alpha)
	},
})

// scalarStats is the mean and the biased deviation of all elements.
func scalarStats(t *autodiff.Tensor) (mean, std float64) {
	n := float64(t.Len())
	mean = kernels.Sum(t.Data) / n
	return mean, math.Sqrt(max(kernels.SumSquares(t.Data)/n-mean*mean, 0))
}
