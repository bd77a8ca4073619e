package generic

// Transforms of Winograd's convolution F(4x4,3x3): the polynomials of a tile are
// evaluated at 0, a, -a, b, -b and infinity. Each function below is a product
// M X M^T for the pixels X of every channel, with M one of the matrices
//
//	      p  0   -s    0  1 0            1/p  0      0           1  1  1  1  1  0
//	      0 -abb -bb   a  1 0            ca   ca*a   ca*aa       0  a -a  b -b  0
//	B^T = 0  abb -bb  -a  1 0        G = ca  -ca*a   ca*aa A^T = 0 aa aa bb bb  0
//	      0 -aab -aa   b  1 0            cb   cb*b   cb*bb       0 a³ -a³ b³ -b³ 1
//	      0  aab -aa  -b  1 0            cb  -cb*b   cb*bb
//	      0  p    0   -s  0 1            0    0      1
//
// p = aabb, s = aa+bb, ca = 1/(2aa(aa-bb)), cb = 1/(2bb(bb-aa)). Two rows that
// differ in the sign of a point share their even and their odd part.
//
// The elements of B^T and A^T are float32 numbers exactly; those of G are rounded.
const (
	winoA, winoB   = 0.625, 1.5
	winoAA, winoBB = winoA * winoA, winoB * winoB
	winoP, winoS   = winoAA * winoBB, winoAA + winoBB
	winoC0         = 1 / winoP
	winoCA         = 1 / (2 * winoAA * (winoAA - winoBB))
	winoCB         = 1 / (2 * winoBB * (winoBB - winoAA))
)

// WinogradTile is the side of a tile of the input, WinogradStep that of a tile
// of the output and WinogradUnit how many channels of a tile lie side by side.
const (
	WinogradTile = 6
	WinogradStep = 4
	WinogradUnit = 16
)

// side multiplies one column by a matrix. Only the first elements of x and of
// the result mean something.
type side func(x [6]float32) [6]float32

// bothSides is M X M^T for X [rows,rows].
func bothSides(m side, rows, columns int, x *[6][6]float32) {
	for j := range rows {
		var v [6]float32
		for i := range rows {
			v[i] = x[i][j]
		}
		for i, t := range m(v) {
			x[i][j] = t
		}
	}
	for i := range columns {
		x[i] = m(x[i])
	}
}

// The conversions keep the compiler from fusing on machines where it may.

func winoInput(d [6]float32) [6]float32 {
	ea, oa := d[4]-float32(winoBB*d[2]), d[3]-float32(winoBB*d[1])
	eb, ob := d[4]-float32(winoAA*d[2]), d[3]-float32(winoAA*d[1])
	return [6]float32{
		d[4] - float32(winoS*d[2]) + float32(winoP*d[0]),
		ea + float32(winoA*oa), ea - float32(winoA*oa),
		eb + float32(winoB*ob), eb - float32(winoB*ob),
		d[5] - float32(winoS*d[3]) + float32(winoP*d[1]),
	}
}

func winoOutput(m [6]float32) [6]float32 {
	sa, da, sb, db := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	return [6]float32{
		m[0] + sa + sb,
		float32(winoB*db) + float32(winoA*da),
		float32(winoBB*sb) + float32(winoAA*sa),
		m[5] + float32(winoB*winoBB*db) + float32(winoA*winoAA*da),
	}
}

func winoFilter(g [6]float32) [6]float32 {
	ea := float32(winoCA*g[0]) + float32(winoCA*winoAA*g[2])
	eb := float32(winoCB*g[0]) + float32(winoCB*winoBB*g[2])
	oa, ob := float32(winoCA*winoA*g[1]), float32(winoCB*winoB*g[1])
	return [6]float32{float32(winoC0 * g[0]), ea + oa, ea - oa, eb + ob, eb - ob, g[2]}
}

func winoGradient(d [6]float32) [6]float32 {
	ea, oa := d[0]+float32(winoAA*d[2]), d[1]+float32(winoAA*d[3])
	eb, ob := d[0]+float32(winoBB*d[2]), d[1]+float32(winoBB*d[3])
	return [6]float32{
		d[0],
		ea + float32(winoA*oa), ea - float32(winoA*oa),
		eb + float32(winoB*ob), eb - float32(winoB*ob),
		d[3],
	}
}

func winoWeights(u [6]float32) [6]float32 {
	sa, da, sb, db := u[1]+u[2], u[1]-u[2], u[3]+u[4], u[3]-u[4]
	return [6]float32{
		float32(winoC0*u[0]) + float32(winoCA*sa) + float32(winoCB*sb),
		float32(winoCB*winoB*db) + float32(winoCA*winoA*da),
		u[5] + float32(winoCA*winoAA*sa) + float32(winoCB*winoBB*sb),
	}
}

// WinogradInput transforms a tile of the input, B^T X B:
//
//	v[(6*i+j)*position+c/16*block+c%16] from x[i*row+j*pixel+c], c < n
//
// Writes: n elements of each of the 36 positions of v.
func WinogradInput(v []float32, position, block int, x []float32, row, pixel, n int) {
	winoSpread(winoInput, WinogradTile, v, position, block, x, row, pixel, n)
}

// WinogradGradient transforms a tile of the gradient of the output, A Y A^T,
// from 4x4 to 6x6 elements; addresses are those of WinogradInput.
func WinogradGradient(v []float32, position, block int, y []float32, row, pixel, n int) {
	winoSpread(winoGradient, WinogradStep, v, position, block, y, row, pixel, n)
}

func winoSpread(m side, size int, v []float32, position, block int, x []float32, row, pixel, n int) {
	for c := range n {
		var t [6][6]float32
		for i := range size {
			for j := range size {
				t[i][j] = x[i*row+j*pixel+c]
			}
		}
		bothSides(m, size, 6, &t)
		for i := range 6 {
			for j := range 6 {
				v[(6*i+j)*position+c/WinogradUnit*block+c%WinogradUnit] = t[i][j]
			}
		}
	}
}

// WinogradFilter transforms n filters' taps, G X G^T:
//
//	u[(6*i+j)*position+c] from w[(3*i+j)*tap+c], c < n
//
// Shapes: n a multiple of GemmStep of the instruction set.
func WinogradFilter(u []float32, position int, w []float32, tap, n int) {
	for c := range n {
		var t [6][6]float32
		for i := range 3 {
			for j := range 3 {
				t[i][j] = w[(3*i+j)*tap+c]
			}
		}
		bothSides(winoFilter, 3, 6, &t)
		for i := range 6 {
			for j := range 6 {
				u[(6*i+j)*position+c] = t[i][j]
			}
		}
	}
}

// WinogradOutput transforms a tile of products back, A^T X A, and writes its
// first rows and columns:
//
//	y[i*row+j*pixel+c] = d[i*dRow+j*dPixel+c] + result(i,j), from m[(6*i+j)*position+c], c < n
//
// Writes: rows*cols pixels of n elements of y, rows and cols 1 to 4. d nil
// stands for zeros; d may be y, and strides 0 repeat one pixel.
func WinogradOutput(y []float32, row, pixel int, m []float32, position int, d []float32, dRow, dPixel, rows, cols, n int) {
	for c := range n {
		var t [6][6]float32
		for i := range 6 {
			for j := range 6 {
				t[i][j] = m[(6*i+j)*position+c]
			}
		}
		bothSides(winoOutput, 6, 4, &t)
		for i := range rows {
			for j := range cols {
				s := t[i][j]
				if d != nil {
					s += d[i*dRow+j*dPixel+c]
				}
				y[i*row+j*pixel+c] = s
			}
		}
	}
}

// WinogradWeights transforms the products of a filter back to its gradient,
// G^T X G:
//
//	w[(3*i+j)*tap+c] = (w[(3*i+j)*tap+c] if add is 1) + result(i,j), from u[(6*i+j)*position+c], c < n
//
// Writes: n elements of each of the 9 taps of w.
func WinogradWeights(w []float32, tap int, u []float32, position, n, add int) {
	for c := range n {
		var t [6][6]float32
		for i := range 6 {
			for j := range 6 {
				t[i][j] = u[(6*i+j)*position+c]
			}
		}
		bothSides(winoWeights, 6, 3, &t)
		for i := range 3 {
			for j := range 3 {
				p := &w[(3*i+j)*tap+c]
				if add == 0 {
					*p = t[i][j]
				} else {
					*p += t[i][j]
				}
			}
		}
	}
}
