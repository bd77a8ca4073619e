package generic

// GemmMR and GemmNR are the rows and columns of the tile of GemmTile2x4. Eight
// sums, four elements of b and one of a fit the 15 scalar registers of amd64.
const (
	GemmMR = 2
	GemmNR = 4
)

// GemmTile2x4 multiplies panels of a with panels of b into tiles side by side:
//
//	c[i*ldc+j] = d[i*ldd+j] + sum over p<k of a[i/2*lda+p*2+i%2]*b[j/4][p*4+j%4]
//
// Shapes: a panels [k,2], lda apart, b [panels,k,4]; m at least 1; n, the columns of the last
// panel, 1 to 4.
// Writes: m rows of c. d nil stands for zeros; d may be c, and ldd 0 repeats one
// row.
func GemmTile2x4(k int, a []float32, lda int, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	for ; m > 0; m -= GemmMR {
		for q := range panels {
			columns := GemmNR
			if q == panels-1 {
				columns = n
			}
			gemmTile2x4(k, a, b[4*q*k:], c[4*q:], ldc, from(d, 4*q), ldd, min(m, GemmMR), columns)
		}
		if m > GemmMR {
			a, c, d = a[lda:], c[GemmMR*ldc:], from(d, GemmMR*ldd)
		}
	}
}

// from is d[i:], nil where d is.
func from(d []float32, i int) []float32 {
	if d == nil {
		return nil
	}
	return d[i:]
}

func gemmTile2x4(k int, a, b, c []float32, ldc int, d []float32, ldd, m, n int) {
	var s [2][4]float32
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	a, b = a[:2*k], b[:4*k]
	for len(a) >= 2 && len(b) >= 4 {
		a0, a1 := a[0], a[1]
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		// The conversions keep the compiler from fusing on machines where it may.
		s00 += float32(a0 * b0)
		s01 += float32(a0 * b1)
		s02 += float32(a0 * b2)
		s03 += float32(a0 * b3)
		s10 += float32(a1 * b0)
		s11 += float32(a1 * b1)
		s12 += float32(a1 * b2)
		s13 += float32(a1 * b3)
		a, b = a[2:], b[4:]
	}
	s[0] = [4]float32{s00, s01, s02, s03}
	s[1] = [4]float32{s10, s11, s12, s13}
	store2x4(&s, c, ldc, d, ldd, m, n)
}

// GemmRows2x4 is GemmTile2x4 for rows of a where they lie:
//
//	c[i*ldc+j] = d[i*ldd+j] + sum over p<k of a[i*lda+p]*b[j/4][p*4+j%4]
//
// Shapes: a [m,k] with rows lda apart; if m is odd, there is one row more.
func GemmRows2x4(k int, a []float32, lda int, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	for ; m > 0; m -= GemmMR {
		for q := range panels {
			columns := GemmNR
			if q == panels-1 {
				columns = n
			}
			gemmRows2x4(k, a, lda, b[4*q*k:], c[4*q:], ldc, from(d, 4*q), ldd, min(m, GemmMR), columns)
		}
		if m > GemmMR {
			a, c, d = a[GemmMR*lda:], c[GemmMR*ldc:], from(d, GemmMR*ldd)
		}
	}
}

func gemmRows2x4(k int, a []float32, lda int, b, c []float32, ldc int, d []float32, ldd, m, n int) {
	var s [2][4]float32
	for i := range s {
		row, b := a[i*lda:][:k], b[:4*k]
		var s0, s1, s2, s3 float32
		for _, x := range row {
			s0 += float32(x * b[0])
			s1 += float32(x * b[1])
			s2 += float32(x * b[2])
			s3 += float32(x * b[3])
			b = b[4:]
		}
		s[i] = [4]float32{s0, s1, s2, s3}
	}
	store2x4(&s, c, ldc, d, ldd, m, n)
}

// GemmColumns2x4 is GemmTile2x4 for steps of a where they lie:
//
//	c[i*ldc+j] = d[i*ldd+j] + sum over p<k of a[p*lda+i]*b[j/4][p*4+j%4]
//
// Shapes: a [k,2] with steps lda apart, both rows there whatever m is.
func GemmColumns2x4(k int, a []float32, lda int, b, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	for q := range panels {
		columns := GemmNR
		if q == panels-1 {
			columns = n
		}
		gemmColumns2x4(k, a, lda, b[4*q*k:], c[4*q:], ldc, from(d, 4*q), ldd, m, columns)
	}
}

func gemmColumns2x4(k int, a []float32, lda int, b, c []float32, ldc int, d []float32, ldd, m, n int) {
	var s [2][4]float32
	for p := range k {
		x, y := a[p*lda:][:2], b[4*p:][:4]
		for i := range s {
			for j := range s[i] {
				s[i][j] += float32(x[i] * y[j])
			}
		}
	}
	store2x4(&s, c, ldc, d, ldd, m, n)
}

// store2x4 writes a tile.
func store2x4(s *[2][4]float32, c []float32, ldc int, d []float32, ldd, m, n int) {
	for i := range m {
		row := c[i*ldc:][:n]
		if d == nil {
			copy(row, s[i][:])
			continue
		}
		for j, base := range d[i*ldd:][:n] {
			row[j] = base + s[i][j]
		}
	}
}

// PackCopy packs lanes that are adjacent in memory:
//
//	dst[p*width+l] = src[p*stride+l] for l < n, 0 for n <= l < width
//
// Shapes: dst [k,width]; n 1 to width.
func PackCopy(dst []float32, width int, src []float32, stride, n, k int) {
	for p := range k {
		row := dst[p*width : (p+1)*width]
		copy(row[:n], src[p*stride:])
		clear(row[n:])
	}
}

// PackPanels packs whole panels of lanes that are adjacent in memory, one panel
// after another:
//
//	dst[(q*k+p)*width+l] = src[p*stride+q*width+l] for q < panels, p < k, l < width
//
// Shapes: dst [panels,k,width].
func PackPanels(dst []float32, width int, src []float32, stride, panels, k int) {
	for q := range panels {
		PackCopy(dst[q*k*width:], width, src[q*width:], stride, width, k)
	}
}

// PackTranspose packs lanes whose steps are adjacent in memory into the first
// lanes of a panel; lanes from n on repeat lane n-1:
//
//	dst[p*width+l] = src[min(l,n-1)*stride+p] for l < lanes
//
// Shapes: dst [k,width] but for the end of its last row; n 1 to lanes, lanes 1
// to width.
func PackTranspose(dst []float32, width, lanes int, src []float32, stride, n, k int) {
	for l := range lanes {
		for p, v := range src[min(l, n-1)*stride:][:k] {
			dst[p*width+l] = v
		}
	}
}
