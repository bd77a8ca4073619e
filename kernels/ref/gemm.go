package ref

// View is a strided matrix: element (r, c) is Data[r*RowStride+c*ColStride].
type View struct {
	Data                 []float32
	Rows, Cols           int
	RowStride, ColStride int
}

// At returns element (r, c).
func (v View) At(r, c int) float64 { return float64(v.Data[r*v.RowStride+c*v.ColStride]) }

// Gemm multiplies a [M,K] by b [K,N]:
//
//	sum[m*N+n]       = sum over k of a[m,k]*b[k,n]
//	magnitude[m*N+n] = sum over k of |a[m,k]*b[k,n]|
//
// The magnitude is what the error bound of a float32 sum is proportional to.
func Gemm(a, b View) (sum, magnitude []float64) {
	sum = make([]float64, a.Rows*b.Cols)
	magnitude = make([]float64, a.Rows*b.Cols)
	for m := range a.Rows {
		for n := range b.Cols {
			for k := range a.Cols {
				product := a.At(m, k) * b.At(k, n)
				sum[m*b.Cols+n] += product
				magnitude[m*b.Cols+n] += max(product, -product)
			}
		}
	}
	return sum, magnitude
}
