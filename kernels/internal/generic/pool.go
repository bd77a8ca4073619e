package generic

// Relu computes z[i] = 0 where x[i] is negative and x[i] elsewhere, for every i < len(z).
func Relu(z, x []float32) {
	x = x[:len(z)]
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		z[i] = v
	}
}

// Larger computes the larger of x[i] and y[i] for every i < len(z): y[i] where
// they are equal, a NaN where there is one.
func Larger(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i, v := range x {
		if v > y[i] || v != v {
			z[i] = v
		} else {
			z[i] = y[i]
		}
	}
}
