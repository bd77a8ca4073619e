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

// CrossEntropy is the cross entropy of the softmax of x with a target that has
// smoothing/len(x) in every class and the rest in class target, and its gradient.
func CrossEntropy(x []float32, target int, smoothing float64) (loss float64, grad []float64) {
	p, lse := Softmax(x, 1)
	for c, v := range x {
		want := smoothing / float64(len(x))
		if c == target {
			want += 1 - smoothing
		}
		if want != 0 {
			loss += want * (lse - float64(v))
		}
		grad = append(grad, p[c]-want)
	}
	return loss, grad
}

// NearestRow returns the squared distances of x to the rows of table, and the
// index of the least, the lowest of several.
func NearestRow(x []float32, table []float32) (distances []float64, best int) {
	least := math.Inf(1)
	for t := range len(table) / len(x) {
		d := SquaredDistance(x, table[t*len(x):(t+1)*len(x)])
		if d < least {
			best, least = t, d
		}
		distances = append(distances, d)
	}
	return distances, best
}
