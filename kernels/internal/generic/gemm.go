package generic

// GemmMR and GemmNR are the rows and columns of the tile of GemmTile2x4. Eight
// sums, four elements of b and one of a fit the 15 scalar registers of amd64.
const (
	GemmMR = 2
	GemmNR = 4
)

// GemmTile2x4 multiplies one panel of a with one panel of b into the top left
// m by n elements of a tile:
//
//	c[i*ldc+j] = d[i*ldd+j] + sum over p<k of a[p*2+i]*b[p*4+j]
//
// Shapes: a [k,2], b [k,4]; m 1 or 2, n 1 to 4.
// Writes: m rows of n elements of c. d nil stands for zeros; d may be c, and
// ldd 0 repeats one row.
func GemmTile2x4(k int, a, b, c []float32, ldc int, d []float32, ldd, m, n int) {
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
