package kernels

// Add computes z[i] = x[i] + y[i].
//
// Shapes: z, x, y [n] with n = len(z); longer x and y are allowed.
// Writes: z is overwritten.
// Aliasing: z may be x or y; no other overlap.
// Numerics: one rounding, so every instruction set gives the same bits.
// Panics: x or y is shorter than z.
func Add(z, x, y []float32) {
	need("Add", "len(x)", len(x), len(z))
	need("Add", "len(y)", len(y), len(z))
	elementwise(elementJob{op: opAdd, z: z, x: x, y: y})
}

// Sub computes z[i] = x[i] - y[i].
//
// Shapes: z, x, y [n] with n = len(z); longer x and y are allowed.
// Writes: z is overwritten.
// Aliasing: z may be x or y; no other overlap.
// Numerics: one rounding, so every instruction set gives the same bits.
// Panics: x or y is shorter than z.
func Sub(z, x, y []float32) {
	need("Sub", "len(x)", len(x), len(z))
	need("Sub", "len(y)", len(y), len(z))
	elementwise(elementJob{op: opSub, z: z, x: x, y: y})
}

// Mul computes z[i] = x[i] * y[i].
//
// Shapes: z, x, y [n] with n = len(z); longer x and y are allowed.
// Writes: z is overwritten.
// Aliasing: z may be x or y; no other overlap.
// Numerics: one rounding, so every instruction set gives the same bits.
// Panics: x or y is shorter than z.
func Mul(z, x, y []float32) {
	need("Mul", "len(x)", len(x), len(z))
	need("Mul", "len(y)", len(y), len(z))
	elementwise(elementJob{op: opMul, z: z, x: x, y: y})
}

// Scale computes z[i] = a * x[i].
//
// Shapes: z, x [n] with n = len(z); a longer x is allowed.
// Writes: z is overwritten, also when a is 0: a NaN of x stays NaN.
// Aliasing: z may be x; no other overlap.
// Numerics: one rounding, so every instruction set gives the same bits.
// Panics: x is shorter than z.
func Scale(z []float32, a float32, x []float32) {
	need("Scale", "len(x)", len(x), len(z))
	elementwise(elementJob{op: opScale, z: z, a: a, x: x})
}

// Axpy computes z[i] += a * x[i].
//
// Shapes: z, x [n] with n = len(z); a longer x is allowed.
// Writes: z is accumulated into, also when a is 0: a NaN of x spreads.
// Aliasing: z may be x; no other overlap.
// Numerics: product and sum are rounded separately, so every instruction set
// gives the same bits.
// Panics: x is shorter than z.
func Axpy(z []float32, a float32, x []float32) {
	need("Axpy", "len(x)", len(x), len(z))
	elementwise(elementJob{op: opAxpy, z: z, a: a, x: x})
}

// Fill computes z[i] = a.
//
// Shapes: z [n].
// Writes: z is overwritten.
func Fill(z []float32, a float32) {
	elementwise(elementJob{op: opFill, z: z, a: a})
}

// ScaledDiff computes z[i] = a * (x[i] - y[i]).
//
// Shapes: z, x, y [n] with n = len(z); longer x and y are allowed.
// Writes: z is overwritten.
// Aliasing: z may be x or y; no other overlap.
// Numerics: difference and product are rounded separately, so every
// instruction set gives the same bits.
// Panics: x or y is shorter than z.
func ScaledDiff(z []float32, a float32, x, y []float32) {
	need("ScaledDiff", "len(x)", len(x), len(z))
	need("ScaledDiff", "len(y)", len(y), len(z))
	elementwise(elementJob{op: opScaledDiff, z: z, a: a, x: x, y: y})
}
