package generic

import "math"

// AttentionNR is the columns of an attention tile in this package, the width
// of a panel of keys.
const AttentionNR = 16

// AttentionTile multiplies a strip of rows by a panel of at most AttentionNR
// columns: for every i < m and j < n,
//
//	c[i*cStride+j] = (c[i*cStride+j] if add is 1) + sum over p < k of a[i*aRow+p*aCol]*b[p*bStride+j]
//
// m is at least 1 and n is 1 to AttentionNR; k may be 0. One accumulator per
// element, p ascending.
func AttentionTile(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int) {
	for i := range m {
		var sum [AttentionNR]float32
		for p := range k {
			v := a[i*aRow+p*aCol]
			for j, w := range b[p*bStride : p*bStride+n] {
				sum[j] += v * w
			}
		}
		out := c[i*cStride : i*cStride+n]
		for j := range out {
			if add == 1 {
				out[j] += sum[j]
			} else {
				out[j] = sum[j]
			}
		}
	}
}

// AttentionRows turns len(lse) rows of scores into probabilities, in place, and their log-sum-exp:
//
//	p[r,j] = exp(scale*p[r,j] - lse[r])
//	lse[r] = log(sum over j of exp(scale*p[r,j]))
//
// for every j < columns, where [r,j] is r*stride+j. There is at least one row and one column.
// sum[r] becomes the sum with the row's maximum taken off. A kernel may give 2^-125 for what is
// smaller, and writes what it likes to the columns from there to a multiple of 16 and to lse and
// sum from there to a multiple of 4, for which there is room.
func AttentionRows(p []float32, stride, columns int, scale float32, lse, sum []float32) {
	for r := range lse {
		row := p[r*stride:][:columns]
		lse[r], sum[r] = softmaxRow(row, row, scale)
		lse[r] += float32(math.Log(float64(sum[r])))
	}
}

// AttentionGradRows turns len(lse) rows of scores and of their incoming
// gradients into probabilities and score gradients, in place:
//
//	p[r,j]  = exp(scale*p[r,j] - lse[r])
//	ds[r,j] = p[r,j] * (ds[r,j] - delta[r]) * scale
//
// for every j < columns, where [r,j] is r*stride+j. There is at least one row and one
// column. A kernel may give exp(-87) and exp(88) for p where that is smaller and larger, and
// writes what it likes to the columns from there to a multiple of 16, for which there is room.
func AttentionGradRows(p, ds []float32, stride, columns int, scale float32, lse, delta []float32) {
	for r, l := range lse {
		row, grad := p[r*stride:][:columns], ds[r*stride:][:columns]
		for j, s := range row {
			row[j] = Exp(float32(scale*s) - l)
			grad[j] = row[j] * (grad[j] - delta[r]) * scale
		}
	}
}

// RowDots computes dst[r] = sum over c < columns of x[r,c]*y[r,c] for each of
// len(dst) rows, where [r,c] is r*stride+c with the stride of the operand.
// There is at least one row.
func RowDots(dst, x []float32, xStride int, y []float32, yStride, columns int) {
	for r := range dst {
		dst[r] = float32(Dot(x[r*xStride:][:columns], y[r*yStride:][:columns]))
	}
}
