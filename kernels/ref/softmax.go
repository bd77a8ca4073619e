package ref

import "math"

// Softmax normalizes the exponentials of one row: y[c] = exp(s[c]) / sum(exp(s))
// with s = scale*x. lse is log(sum(exp(s))).
func Softmax(x []float32, scale float64) (y []float64, lse float64) {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, scale*float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(scale*float64(v) - top)
	}
	lse = top + math.Log(sum)
	for _, v := range x {
		y = append(y, math.Exp(scale*float64(v)-top)/sum)
	}
	return y, lse
}

// SoftmaxGrad is the gradient of one row of Softmax from its result y:
//
//	dx[c] = y[c] * (dy[c] - sum(dy*y))
func SoftmaxGrad(dy, y []float32) (dx []float64) {
	dot := 0.0
	for c := range y {
		dot += float64(dy[c]) * float64(y[c])
	}
	for c := range y {
		dx = append(dx, float64(y[c])*(float64(dy[c])-dot))
	}
	return dx
}
