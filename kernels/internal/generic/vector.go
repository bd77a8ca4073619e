package generic

// Add computes z[i] = x[i] + y[i] for every i < len(z).
func Add(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// Sub computes z[i] = x[i] - y[i] for every i < len(z).
func Sub(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

// Mul computes z[i] = x[i] * y[i] for every i < len(z).
func Mul(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] * y[i]
	}
}

// Scale computes z[i] = a * x[i] for every i < len(z).
func Scale(z []float32, a float32, x []float32) {
	x = x[:len(z)]
	for i := range z {
		z[i] = a * x[i]
	}
}

// Axpy computes z[i] += a * x[i] for every i < len(z), product and sum each
// rounded.
func Axpy(z []float32, a float32, x []float32) {
	x = x[:len(z)]
	for i := range z {
		z[i] += float32(a * x[i])
	}
}

// Fill computes z[i] = a for every i.
func Fill(z []float32, a float32) {
	for i := range z {
		z[i] = a
	}
}

// ScaledDiff computes z[i] = a * (x[i] - y[i]) for every i < len(z).
func ScaledDiff(z []float32, a float32, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = a * (x[i] - y[i])
	}
}
