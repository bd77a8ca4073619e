package generic

// AttentionMR and AttentionNR are the tile of AttentionTile in this package.
const (
	AttentionMR = 4
	AttentionNR = 16
)

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

// AttentionGradRow turns one row of scores and of their incoming gradients
// into probabilities and score gradients, in place:
//
//	p[j]  = exp(scale*p[j] - lse)
//	ds[j] = p[j] * (ds[j] - delta) * scale
//
// for every j < len(p).
func AttentionGradRow(p, ds []float32, scale, lse, delta float32) {
	ds = ds[:len(p)]
	for j, s := range p {
		p[j] = Exp(float32(scale*s) - lse)
		ds[j] = p[j] * (ds[j] - delta) * scale
	}
}
