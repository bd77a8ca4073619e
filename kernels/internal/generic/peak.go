package generic

// FMAPeak multiplies and adds on eight independent chains, iterations times,
// and returns the number of floating-point operations.
func FMAPeak(iterations int) (flops int64) {
	s := [8]float32{1, 2, 3, 4, 5, 6, 7, 8}
	s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	const a, b = 0.5, 0.25
	for range iterations {
		s0 = float32(s0*a) + b
		s1 = float32(s1*a) + b
		s2 = float32(s2*a) + b
		s3 = float32(s3*a) + b
		s4 = float32(s4*a) + b
		s5 = float32(s5*a) + b
		s6 = float32(s6*a) + b
		s7 = float32(s7*a) + b
	}
	if s0+s1+s2+s3+s4+s5+s6+s7 < 0 {
		return 0 // never: keeps the sums alive
	}
	return 16 * int64(iterations)
}
