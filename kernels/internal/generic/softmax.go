package generic

import "math"

// SoftmaxRows computes a scaled softmax of each of len(top) rows of the given
// number of columns,
//
//	y[r,c] = exp(scale*x[r,c]-top[r]) / sum[r]
//	top[r] = max over c of scale*x[r,c]
//	sum[r] = sum over c of exp(scale*x[r,c]-top[r])
//
// where [r,c] is r*stride+c with the stride of the operand. There is at least
// one row and one column; y may be x.
func SoftmaxRows(y []float32, yStride int, x []float32, xStride, columns int, scale float32, top, sum []float32) {
	for r := range top {
		top[r], sum[r] = softmaxRow(y[r*yStride:][:columns], x[r*xStride:][:columns], scale)
	}
}

func softmaxRow(y, x []float32, scale float32) (top, sum float32) {
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
