package unlearn

// MaxLoss ascends the training loss on the forget set; the paper calls it MAX
// LOSS.
var MaxLoss = register(Method{
	Name:     "max-loss",
	Loss:     "L(h(T(x_r)), x_r) − α·L(h(T(x_f)), x_f),  L = the model's training loss",
	Source:   "baseline MAX LOSS of arXiv 2402.00351, by gradient ascent",
	Trains:   FullModel,
	Schedule: "the schedule of ours; no MAE code was released for the baselines",
	Losses: func(s *Step) Losses {
		out := s.studentOutput()
		defer s.Time("loss")()
		b := s.Draw.Seen()
		truth := s.Student.Truth(s.Tape, b)
		retain := s.Student.Loss(s.Tape, out, truth, b, s.Draw.Retain)
		forget := s.Student.Loss(s.Tape, out, truth, b, s.Draw.Forget)
		return s.combine(retain, forget, -s.Options.Alpha)
	},
})
