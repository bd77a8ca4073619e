package generic

import "math"

// Gelu computes y[i] = x[i]*(1+erf(x[i]/sqrt(2)))/2 for every i < len(y); y
// may be x.
func Gelu(y, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = 0.5 * v * (1 + Erf(v*invSqrt2))
	}
}

// GeluGrad computes
//
//	dx[i] = dy[i] * ((1+erf(x[i]/sqrt(2)))/2 + x[i]*exp(-x[i]^2/2)/sqrt(2*pi))
//
// for every i < len(dx); dx may be dy or x.
func GeluGrad(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	for i, v := range x {
		v = min(max(v, -slopeMost), slopeMost)
		half := v * invSqrt2
		density := Exp(-half*half) * invSqrt2Pi
		dx[i] = dy[i] * (0.5*(1+Erf(half)) + v*density)
	}
}

// GeluBoth is GeluGrad(d, d, x) and Gelu(y, x); y may be x, and d overlaps neither.
func GeluBoth(y, d, x []float32) {
	GeluGrad(d[:len(y)], d, x)
	Gelu(y, x)
}

// SiLU computes y[i] = x[i]/(1+exp(-x[i])) for every i < len(y); y may be x.
func SiLU(y, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = v / (1 + Exp(-v))
	}
}

// SiLUGrad computes, with s = 1/(1+exp(-x[i])),
//
//	dx[i] = dy[i] * s * (1 + x[i]*(1-s))
//
// for every i < len(dx); dx may be dy or x.
func SiLUGrad(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	for i, v := range x {
		dx[i] = dy[i] * siluSlope(v)
	}
}

// slopeMost is where the slopes of GELU and SiLU are 0 or 1 in all but name, and
// exp not yet infinite.
const slopeMost = 88

// siluSlope is the derivative of SiLU. 1-s is t*s with t = exp(-x), which does
// not cancel.
func siluSlope(x float32) float32 {
	x = min(max(x, -slopeMost), slopeMost)
	t := Exp(-x)
	s := 1 / (1 + t)
	return s * (1 + x*(t*s))
}

const (
	invSqrt2   = 0.70710678118654752440
	invSqrt2Pi = 0.39894228040143267794
)

// Exp returns e to the x with one float32 rounding of math.Exp.
func Exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// Erf returns the error function of x with one float32 rounding of math.Erf.
func Erf(x float32) float32 { return float32(math.Erf(float64(x))) }
