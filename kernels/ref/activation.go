package ref

import "math"

// Gelu is x * Phi(x), with Phi the cumulative normal distribution.
func Gelu(x float64) float64 { return x * phi(x) }

// GeluGrad is the derivative of Gelu: Phi(x) + x * exp(-x^2/2)/sqrt(2*pi). It is
// 0 and 1 at the infinities.
func GeluGrad(x float64) float64 {
	x = min(max(x, -1000), 1000)
	return phi(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

// phi is the cumulative normal distribution, without cancellation on the left.
func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// SiLU is x * sigmoid(x).
func SiLU(x float64) float64 { return x * sigmoid(x) }

// SiLUGrad is the derivative of SiLU: s*(1+x*(1-s)) with s = sigmoid(x), whose
// complement is sigmoid(-x). It is 0 and 1 at the infinities.
func SiLUGrad(x float64) float64 {
	x = min(max(x, -1000), 1000)
	return sigmoid(x) * (1 + x*sigmoid(-x))
}

// sigmoid is 1/(1+exp(-x)), without overflow on the left.
func sigmoid(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}
