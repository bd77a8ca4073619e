package ref

// Sum returns the sum of x and the sum of its absolute values.
func Sum(x []float32) (sum, abs float64) {
	return Dot(x, nil)
}

// Dot returns the sum of x[i]*y[i] and the sum of |x[i]*y[i]|; nil y is all
// ones.
func Dot(x, y []float32) (sum, abs float64) {
	for i, v := range x {
		p := float64(v)
		if y != nil {
			p *= float64(y[i])
		}
		sum += p
		abs += max(p, -p)
	}
	return sum, abs
}

// SquaredDistance returns the sum of (x[i]-y[i])^2.
func SquaredDistance(x, y []float32) (sum float64) {
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += d * d
	}
	return sum
}

// ColumnSum returns the sums of the columns of x [R,C], and of their absolute
// values.
func ColumnSum(x []float32, rows, cols int) (sum, abs []float64) {
	sum, abs = make([]float64, cols), make([]float64, cols)
	for r := range rows {
		for c := range cols {
			v := float64(x[r*cols+c])
			sum[c] += v
			abs[c] += max(v, -v)
		}
	}
	return sum, abs
}
