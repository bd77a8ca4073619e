package unlearn

// Ours is Eq. 10: the student's encoder stays with the original's on retain
// images and moves, on forget images, to what the original's encoder makes of
// noise under the same mask. The decoder is neither run nor touched.
var Ours = register(Method{
	Name:          "ours",
	Loss:          "mean‖E(T(x_r)) − E₀(T(x_r))‖² + α·mean‖E(T(x_f)) − E₀(T(n))‖²,  n ~ N(0,I)",
	Source:        "arXiv 2402.00351, Eq. 10",
	Trains:        EncoderOnly,
	NeedsOriginal: true,
	Schedule:      "the family's recipe",
	Losses: func(s *Step) Losses {
		target := s.originalFeatures(s.Draw.Noised())
		maps := s.studentFeatures()
		defer s.Time("loss")()
		retain := s.distance(maps, target, s.Draw.Retain)
		forget := s.distance(maps, target, s.Draw.Forget)
		return s.combine(retain, forget, s.Options.Alpha)
	},
})
