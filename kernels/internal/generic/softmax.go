package generic

import "math"

// SoftmaxRow computes one row of a scaled softmax,
//
//	y[c] = exp(scale*x[c]-top) / sum,  top = max(scale*x),  sum = sum(exp(scale*x-top))
//
// and returns top and sum. len(y) is at least 1; y may be x.
func SoftmaxRow(y, x []float32, scale float32) (top, sum float32) {
	x = x[:len(y)]
	top = float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, float32(scale*v))
	}
	total := 0.0
	for c, v := range x {
		y[c] = Exp(float32(scale*v) - top)
		total += float64(y[c])
	}
	sum = float32(total)
	inverse := 1 / sum
	for c := range y {
		y[c] *= inverse
	}
	return top, sum
}

// SoftmaxGradRow overwrites dx with the gradient of one softmax row,
//
//	dx[c] = y[c] * (dy[c] - sum(dy*y))
//
// for every c < len(dx); dx may be dy or y.
func SoftmaxGradRow(dx, dy, y []float32) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	dot := 0.0
	for c, v := range y {
		dot += float64(dy[c]) * float64(v)
	}
	along := float32(dot)
	for c, v := range y {
		dx[c] = v * (dy[c] - along)
	}
}
