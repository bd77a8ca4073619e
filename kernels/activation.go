package kernels

// Gelu applies the exact Gaussian error linear unit,
//
//	y[i] = x[i] * (1 + erf(x[i]/sqrt(2))) / 2
//
// Shapes: y, x [n] with n = len(y); a longer x is allowed.
// Writes: y is overwritten.
// Aliasing: y may be x; no other overlap.
// Numerics: |error| <= 2e-7 * max(1, |y|). Below x = -4 the relative error is
// unbounded: 1+erf cancels, as it does in the formula. NaN and -Inf give NaN.
// Panics: x is shorter than y.
// Source: Hendrycks, Gimpel 2016 (arXiv:1606.08415), section 2.
func Gelu(y, x []float32) {
	need("Gelu", "len(x)", len(x), len(y))
	elementwise(elementJob{op: opGelu, z: y, x: x})
}

// GeluGrad is the gradient of Gelu with respect to x,
//
//	dx[i] = dy[i] * ((1 + erf(x[i]/sqrt(2)))/2 + x[i]*exp(-x[i]^2/2)/sqrt(2*pi))
//
// Shapes: dx, dy, x [n] with n = len(dx); longer dy and x are allowed.
// Writes: dx is overwritten.
// Aliasing: dx may be dy or x; no other overlap.
// Numerics: |error| <= 2e-7 * |dy|. NaN gives NaN; the slope is 0 at -Inf and 1
// at Inf.
// Panics: dy or x is shorter than dx.
func GeluGrad(dx, dy, x []float32) {
	need("GeluGrad", "len(dy)", len(dy), len(dx))
	need("GeluGrad", "len(x)", len(x), len(dx))
	elementwise(elementJob{op: opGeluGrad, z: dx, x: dy, y: x})
}

// SiLU applies the sigmoid-weighted linear unit,
//
//	y[i] = x[i] / (1 + exp(-x[i]))
//
// Shapes: y, x [n] with n = len(y); a longer x is allowed.
// Writes: y is overwritten.
// Aliasing: y may be x; no other overlap.
// Numerics: |error| <= 4*2^-24*|y| + 1e-36. NaN and -Inf give NaN.
// Panics: x is shorter than y.
// Source: Elfwing, Uchibe, Doya 2017 (arXiv:1702.03118), equation 5.
func SiLU(y, x []float32) {
	need("SiLU", "len(x)", len(x), len(y))
	elementwise(elementJob{op: opSiLU, z: y, x: x})
}

// SiLUGrad is the gradient of SiLU with respect to x. With s = 1/(1+exp(-x[i])),
//
//	dx[i] = dy[i] * s * (1 + x[i]*(1-s))
//
// Shapes: dx, dy, x [n] with n = len(dx); longer dy and x are allowed.
// Writes: dx is overwritten.
// Aliasing: dx may be dy or x; no other overlap.
// Numerics: |error| <= 1e-6 * |dy|. NaN gives NaN; the slope is 0 at -Inf and 1
// at Inf.
// Panics: dy or x is shorter than dx.
func SiLUGrad(dx, dy, x []float32) {
	need("SiLUGrad", "len(dy)", len(dy), len(dx))
	need("SiLUGrad", "len(x)", len(x), len(dx))
	elementwise(elementJob{op: opSiLUGrad, z: dx, x: dy, y: x})
}
