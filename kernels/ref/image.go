package ref

import "math"

// Image is [H,W,C] of N images.
type Image struct {
	Data       []float32
	N, H, W, C int
}

// At returns channel c of a pixel of image n.
func (x Image) At(n, i, j, c int) float32 { return x.Data[((n*x.H+i)*x.W+j)*x.C+c] }

// Resampled returns images [N,h,w,C] that hold value at every place.
func (x Image) Resampled(h, w int, value func(n, i, j, c int) float32) []float32 {
	var y []float32
	for n := range x.N {
		for i := range h {
			for j := range w {
				for c := range x.C {
					y = append(y, value(n, i, j, c))
				}
			}
		}
	}
	return y
}

// Block2 adds up the two by two pixels of block (i, j), left to right and down,
// rounding to float32 every time.
func (x Image) Block2(n, i, j, c int) float32 {
	sum := x.At(n, 2*i, 2*j, c) + x.At(n, 2*i, 2*j+1, c)
	sum += x.At(n, 2*i+1, 2*j, c)
	return sum + x.At(n, 2*i+1, 2*j+1, c)
}

// CrossEntropy is the label-smoothed cross-entropy of one row of classes.
func CrossEntropy(x []float32, target int, smoothing float64) float64 {
	loss := 0.0
	for c, p := range LogSoftmax(x) {
		loss -= smoothing / float64(len(x)) * p
		if c == target {
			loss -= (1 - smoothing) * p
		}
	}
	return loss
}

// LogSoftmax is the logarithm of the softmax of one row.
func LogSoftmax(x []float32) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v) - top - math.Log(sum)
	}
	return out
}
