package unlearn

// NoisyLabel trains the forget images towards Gaussian noise as their ground
// truth.
var NoisyLabel = register(Method{
	Name:     "noisy-label",
	Loss:     "L(h(T(x_r)), x_r) + α·L(h(T(x_f)), n),  n ~ N(0,I)",
	Source:   "baseline NOISY LABEL of arXiv 2402.00351",
	Trains:   FullModel,
	Schedule: "the schedule of ours; no MAE code was released for the baselines",
	Losses: func(s *Step) Losses {
		b := s.Draw.Labelled()
		out := s.studentOutputOf(b)
		defer s.Time("loss")()
		truth := s.Student.Truth(s.Tape, s.Draw.Noised())
		retain := s.Student.Loss(s.Tape, out, truth, b, s.Draw.Retain)
		forget := s.Student.Loss(s.Tape, out, truth, b, s.Draw.Forget)
		return s.combine(retain, forget, s.Options.Alpha)
	},
})
