package ref

import "math"

// Gelu is x * Phi(x), with Phi the cumulative normal distribution.
func Gelu(x float64) float64 { return x * phi(x) }

// GeluGrad is the derivative of Gelu: Phi(x) + x * exp(-x^2/2)/sqrt(2*pi).
func GeluGrad(x float64) float64 {
	return phi(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

// phi is the cumulative normal distribution, without cancellation on the left.
func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
