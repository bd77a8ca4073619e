package generic

// ConvTile2x4 multiplies two pixels, wherever they lie, with a panel of weights:
//
//	c[cAt[i]+j] = max(floor, (d[dAt[i]+j] + e[j]) + sum over s<segments, p<k of a[aAt[i]+s*(k+gap)+p]*b[(s*k+p)*4+j])
//
// Shapes: aAt, cAt, dAt [2]; b [segments,k,4]; m 1 or 2, n 1 to 4.
// Writes: m rows of n elements of c. d nil stands for zeros; d may be c. e nil:
// there is neither e nor floor; otherwise d is not nil. What is not a number stays so.
func ConvTile2x4(a []float32, aAt []int, segments, k, gap int, b, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for s := range segments {
		lo := s * (k + gap)
		x0, x1 := a[aAt[0]+lo:][:k], a[aAt[1]+lo:][:k]
		w := b[4*s*k:][:4*k]
		for p, a0 := range x0 {
			a1, w := x1[p], w[4*p:4*p+4]
			// The conversions keep the compiler from fusing on machines where it may.
			s00 += float32(a0 * w[0])
			s01 += float32(a0 * w[1])
			s02 += float32(a0 * w[2])
			s03 += float32(a0 * w[3])
			s10 += float32(a1 * w[0])
			s11 += float32(a1 * w[1])
			s12 += float32(a1 * w[2])
			s13 += float32(a1 * w[3])
		}
	}
	sums := [2][4]float32{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
	for i := range m {
		row := c[cAt[i]:][:n]
		if d == nil {
			copy(row, sums[i][:])
			continue
		}
		for j, base := range d[dAt[i]:][:n] {
			if e == nil {
				row[j] = base + sums[i][j]
				continue
			}
			v := base + e[j] + sums[i][j]
			if v < floor {
				v = floor
			}
			row[j] = v
		}
	}
}

// ConvUnit is how many adjacent columns of the weights' gradient have one
// address, and ConvUnits how many units a tile has.
const (
	ConvUnit  = 16
	ConvUnits = 1
)

// ConvGradTile2x1 sums over pixels the products of two elements of the gradient
// of the output with a unit of the input:
//
//	c[i*ldc+cAt[0]+l] = (c[i*ldc+cAt[0]+l] if add is 1)
//	                    + sum over r<rows, p<k of a[(at[2*r]+p)*aStep+i]*b[at[2*r+1]+p*bStep+bAt[0]+l]
//
// Shapes: at [rows,2]; bAt, cAt [1]; m 1 or 2, n 1 to 16. Both rows of a and 16
// lanes of b are read.
// Writes: m rows of n elements of c.
func ConvGradTile2x1(rows, k int, at []int, a []float32, aStep int, b []float32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	var s [2][ConvUnit]float32
	for r := range rows {
		a, b := a[at[2*r]*aStep:], b[at[2*r+1]+bAt[0]:]
		for p := range k {
			a0, a1 := a[p*aStep], a[p*aStep+1]
			for l, x := range b[p*bStep:][:ConvUnit] {
				s[0][l] += float32(a0 * x)
				s[1][l] += float32(a1 * x)
			}
		}
	}
	for i := range m {
		for l := range c[i*ldc+cAt[0]:][:n] {
			p := &c[i*ldc+cAt[0]+l]
			if add == 0 {
				*p = s[i][l]
			} else {
				*p += s[i][l]
			}
		}
	}
}
