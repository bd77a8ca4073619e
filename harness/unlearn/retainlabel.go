package unlearn

import "lethe/autodiff"

// RetainLabel keeps the original's outputs on retain images and asks, for a
// forget image, for the original's output for a retain image of the same batch.
var RetainLabel = register(Method{
	Name:          "retain-label",
	Loss:          "mean(h(T(x_r)) − h₀(T(x_r)))² + α·mean(h(T(x_f)) − h₀(T_f(x_r')))²,  x_r' = retain samples in turn",
	Source:        "baseline RETAIN LABEL of arXiv 2402.00351",
	Trains:        FullModel,
	NeedsOriginal: true,
	Schedule:      "the schedule of ours; no MAE code was released for the baselines",
	Losses: func(s *Step) Losses {
		target := s.originalOutput(s.Draw.Swapped())
		out := s.studentOutput()
		defer s.Time("loss")()
		a, b := []*autodiff.Tensor{out}, []*autodiff.Tensor{target}
		retain := s.distance(a, b, s.Draw.Retain)
		forget := s.distance(a, b, s.Draw.Forget)
		return s.combine(retain, forget, s.Options.Alpha)
	},
})
