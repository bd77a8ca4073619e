package kernels

import (
	"math"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
)

// Roundings that a term goes through beside those of the sum: twice 4 in the
// transform of a tile, twice 4 in that of a filter or of a tile of dy, its
// rounded coefficients included, and twice 4 or, with rounded coefficients, twice 5
// on the way back, where every product and every sum is rounded.
const (
	winogradRoundings     = 8 + 8 + 8
	winogradGradRoundings = 8 + 8 + 10
)

// Magnitudes of the elements of the matrices.
var (
	winogradAT = [][]float64{
		{1, 1, 1, 1, 1, 0},
		{0, pointA, pointA, pointB, pointB, 0},
		{0, pointA * pointA, pointA * pointA, pointB * pointB, pointB * pointB, 0},
		{0, pointA * pointA * pointA, pointA * pointA * pointA, pointB * pointB * pointB, pointB * pointB * pointB, 1},
	}
	winogradG = [][]float64{
		{1 / (pointA * pointA * pointB * pointB), 0, 0},
		{scaleA, scaleA * pointA, scaleA * pointA * pointA},
		{scaleA, scaleA * pointA, scaleA * pointA * pointA},
		{scaleB, scaleB * pointB, scaleB * pointB * pointB},
		{scaleB, scaleB * pointB, scaleB * pointB * pointB},
		{0, 0, 1},
	}
	winogradBT = [][]float64{
		{pointA * pointA * pointB * pointB, 0, pointA*pointA + pointB*pointB, 0, 1, 0},
		{0, pointA * pointB * pointB, pointB * pointB, pointA, 1, 0},
		{0, pointA * pointB * pointB, pointB * pointB, pointA, 1, 0},
		{0, pointB * pointA * pointA, pointA * pointA, pointB, 1, 0},
		{0, pointB * pointA * pointA, pointA * pointA, pointB, 1, 0},
		{0, pointA * pointA * pointB * pointB, 0, pointA*pointA + pointB*pointB, 0, 1},
	}
)

const (
	pointA, pointB = 0.625, 1.5
	scaleA         = 1 / (2 * pointA * pointA * (pointB*pointB - pointA*pointA))
	scaleB         = 1 / (2 * pointB * pointB * (pointB*pointB - pointA*pointA))
)

// flippedMatrix is m^T.
func flippedMatrix(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for j := range m {
			t[i] = append(t[i], m[j][i])
		}
	}
	return t
}

// sandwich is m X m^T for the magnitudes at(i,j) of X.
func sandwich(m [][]float64, at func(i, j int) float64) (r [6][6]float64) {
	for i := range m[0] {
		for j := range m[0] {
			x := math.Abs(at(i, j))
			if x == 0 {
				continue
			}
			for p := range m {
				for q := range m {
					r[p][q] += m[p][i] * x * m[q][j]
				}
			}
		}
	}
	return r
}

// winogradBounds puts the magnitudes and roundings of Winograd's algorithm in
// the place of those of the definition.
func (s ConvShape) winogradBounds(x, w, dy []float32, y, dx, dw *convBound) {
	y.roundings, dx.roundings = s.Ci+winogradRoundings, s.Co+winogradRoundings
	forward := winogradMagnitude{
		in: x, n: s.N, h: s.H, w: s.W, ci: s.Ci, outH: s.OutH(), outW: s.OutW(), co: s.Co, top: -s.PadH, left: -s.PadW,
		filter: func(o, i, j, c int) float64 { return float64(w[((o*3+i)*3+j)*s.Ci+c]) },
	}
	y.magnitude = forward.outputs()
	backward := winogradMagnitude{
		in: dy, n: s.N, h: s.OutH(), w: s.OutW(), ci: s.Co, outH: s.H, outW: s.W, co: s.Ci, top: s.PadH - 2, left: s.PadW - 2,
		filter: func(o, i, j, c int) float64 { return float64(w[((c*3+2-i)*3+2-j)*s.Ci+o]) },
	}
	dx.magnitude = backward.outputs()
	tiles := 0
	dw.magnitude, tiles = forward.weights(dy)
	dw.roundings = tiles + winogradGradRoundings
}

// winogradMagnitude is a convolution with stride 1.
type winogradMagnitude struct {
	in             []float32
	n, h, w, ci    int
	outH, outW, co int
	top, left      int
	filter         func(o, i, j, c int) float64
}

// eachTile calls body for every tile of the output.
func (m *winogradMagnitude) eachTile(body func(n, p, q int)) (tiles int) {
	for n := range m.n {
		for p := 0; p < m.outH; p += 4 {
			for q := 0; q < m.outW; q += 4 {
				body(n, p, q)
				tiles++
			}
		}
	}
	return tiles
}

// tile is |B^T| |x| |B| for channel c.
func (m *winogradMagnitude) tile(n, p, q, c int) [6][6]float64 {
	return sandwich(winogradBT, func(i, j int) float64 {
		row, col := p+m.top+i, q+m.left+j
		if row < 0 || row >= m.h || col < 0 || col >= m.w {
			return 0
		}
		return float64(m.in[((n*m.h+row)*m.w+col)*m.ci+c])
	})
}

// outputs is |A^T| ( sum over c of (|G||w||G^T|) * (|B^T||x||B|) ) |A|.
func (m *winogradMagnitude) outputs() []float64 {
	y := make([]float64, m.n*m.outH*m.outW*m.co)
	filters := make([][6][6]float64, m.co*m.ci)
	for o := range m.co {
		for c := range m.ci {
			filters[o*m.ci+c] = sandwich(winogradG, func(i, j int) float64 { return m.filter(o, i, j, c) })
		}
	}
	m.eachTile(func(n, p, q int) {
		sums := make([][6][6]float64, m.co)
		for c := range m.ci {
			v := m.tile(n, p, q, c)
			for o := range sums {
				addProducts(&sums[o], &v, &filters[o*m.ci+c])
			}
		}
		for o := range sums {
			r := sandwich(winogradAT, func(i, j int) float64 { return sums[o][i][j] })
			for i := range min(4, m.outH-p) {
				for j := range min(4, m.outW-q) {
					y[((n*m.outH+p+i)*m.outW+q+j)*m.co+o] = r[i][j]
				}
			}
		}
	})
	return y
}

func addProducts(sum, a, b *[6][6]float64) {
	for i := range sum {
		for j := range sum[i] {
			sum[i][j] += a[i][j] * b[i][j]
		}
	}
}

// weights is |G^T| ( sum over tiles of (|A||dy||A^T|) * (|B^T||x||B|) ) |G|.
func (m *winogradMagnitude) weights(dy []float32) (dw []float64, tiles int) {
	sums := make([][6][6]float64, m.co*m.ci)
	a := flippedMatrix(winogradAT)
	tiles = m.eachTile(func(n, p, q int) {
		grads := make([][6][6]float64, m.co)
		for o := range grads {
			grads[o] = sandwich(a, func(i, j int) float64 {
				if p+i >= m.outH || q+j >= m.outW {
					return 0
				}
				return float64(dy[((n*m.outH+p+i)*m.outW+q+j)*m.co+o])
			})
		}
		for c := range m.ci {
			v := m.tile(n, p, q, c)
			for o := range grads {
				addProducts(&sums[o*m.ci+c], &v, &grads[o])
			}
		}
	})
	dw = make([]float64, m.co*9*m.ci)
	for o := range m.co {
		for c := range m.ci {
			r := sandwich(flippedMatrix(winogradG), func(i, j int) float64 { return sums[o*m.ci+c][i][j] })
			for i := range 3 {
				for j := range 3 {
					dw[((o*3+i)*3+j)*m.ci+c] = r[i][j]
				}
			}
		}
	}
	return dw, tiles
}

// TestWinogradMovesOnePixel: one tile, every element of it 1 in turn, against a filter
// that has one tap: each output is that tap where the element lies, exactly but
// for rounding.
func TestWinogradMovesOnePixel(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		s := ConvShape{N: 1, H: 6, W: 6, Ci: 1, Co: 1, KH: 3, KW: 3}
		for at := range 36 {
			for tap := range 9 {
				x, w, y := make([]float32, 36), make([]float32, 9), make([]float32, 16)
				x[at], w[tap] = 1, 1
				Conv2D(y, x, w, s, ConvOptions{Algorithm: convWinogradAlways})
				for i, got := range y {
					want := 0.0
					if (i/4+tap/3)*6+i%4+tap%3 == at {
						want = 1
					}
					if !(math.Abs(float64(got)-want) <= 1e-5) {
						t.Fatalf("pixel %d, tap %d: y[%d] is %g, want %g", at, tap, i, got, want)
					}
				}
			}
		}
	})
}

// TestWinogradErrorIsSmall holds the relative error in the Frobenius norm below
// twice what the comment of ConvWinograd says of such shapes: the bounds of the
// other tests are for the worst operands, and far from what is usual.
func TestWinogradErrorIsSmall(t *testing.T) {
	suite := kerneltest.New(t)
	suite.Run("64 channels", func(c *kerneltest.Case) {
		s := ConvShape{N: 2, H: 12, W: 12, Ci: 64, Co: 64, KH: 3, KW: 3, PadH: 1, PadW: 1}
		ny, nx, nw := s.sizes()
		x, w, dy := c.Input(nx, 0), c.Input(nw, 0), c.Input(ny, 0)
		o := ConvOptions{Algorithm: ConvWinograd}
		if s.StrideH, s.StrideW = 1, 1; !o.winograd(s) {
			c.Fail("the algorithm was not used")
		}
		y, dx, dw := c.Output(ny, 0), c.Output(nx, 0), c.Output(nw, 0)
		Conv2D(y, x, w, s, o)
		Conv2DGradInput(dx, dy, w, s, o)
		Conv2DGradWeight(dw, dy, x, s, o)
		wantY, _ := s.reference().Conv2D(x, w)
		wantX, _ := s.reference().GradInput(dy, w)
		wantW, _ := s.reference().GradWeight(dy, x)
		for _, r := range []struct {
			name string
			got  []float32
			want []float64
		}{{"y", y, wantY}, {"dx", dx, wantX}, {"dw", dw, wantW}} {
			e, n := 0.0, 0.0
			for i, v := range r.want {
				d := float64(r.got[i]) - v
				e, n = e+d*d, n+v*v
			}
			if err := math.Sqrt(e / n); !(err <= 2e-6) {
				c.Fail("%s: relative error %.1e, want at most 2e-6", r.name, err)
			}
		}
	})
}

// TestWinogradApplies: which shapes ConvWinograd takes, and that it falls back to
// the very bits of the direct sum.
func TestWinogradApplies(t *testing.T) {
	base := ConvShape{N: 1, H: 12, W: 12, Ci: 16, Co: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	with := func(change func(s *ConvShape)) ConvShape {
		s := base
		change(&s)
		return s
	}
	for _, c := range []struct {
		s    ConvShape
		want bool
	}{
		{base, true},
		{with(func(s *ConvShape) { s.N = 9 }), true},
		{with(func(s *ConvShape) { s.Ci = 15 }), false},
		{with(func(s *ConvShape) { s.Co = 15 }), false},
		{with(func(s *ConvShape) { s.H = 11 }), true},
		{with(func(s *ConvShape) { s.H, s.W = 7, 7 }), true},
		{with(func(s *ConvShape) { s.H, s.W = 6, 6 }), true},
		{with(func(s *ConvShape) { s.H, s.W = 7, 5 }), false},
		{with(func(s *ConvShape) { s.H, s.W = 5, 5 }), false},
		{with(func(s *ConvShape) { s.H, s.W = 1, 200 }), false},
		{with(func(s *ConvShape) { s.StrideW = 2 }), false},
		{with(func(s *ConvShape) { s.KH = 4 }), false},
	} {
		if got := (ConvOptions{Algorithm: ConvWinograd}).winograd(c.s); got != c.want {
			t.Errorf("%+v: %t, want %t", c.s, got, c.want)
		}
		if (ConvOptions{}).winograd(c.s) {
			t.Errorf("%+v: used without having been asked for", c.s)
		}
		rounded := ConvOptions{Algorithm: ConvWinograd, Precision: BF16}
		if got := rounded.winograd(c.s); got != (c.want && !BF16.tiled()) {
			t.Errorf("%+v in bf16: %t, want %t but on tiles", c.s, got, c.want)
		}
		if got := rounded.winogradWeight(c.s); got != (c.want && !BF16.tiled()) {
			t.Errorf("%+v, gradient of the filters in bf16: %t, want %t but on tiles", c.s, got, c.want)
		}
	}
	suite := kerneltest.New(t)
	suite.Run("falls back", func(c *kerneltest.Case) {
		s := with(func(s *ConvShape) { s.Ci = 15 })
		ny, nx, nw := s.sizes()
		x, w, y, want := c.Input(nx, 0), c.Input(nw, 0), c.Output(ny, 0), c.Output(ny, 0)
		Conv2D(y, x, w, s, ConvOptions{Algorithm: ConvWinograd})
		Conv2D(want, x, w, s, ConvOptions{})
		c.Same("result", y, want)
	})
}

// TestWinogradSpreadsNaN: what is not finite reaches every output that sees it,
// and none of another tile.
func TestWinogradSpreadsNaN(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		s := ConvShape{N: 1, H: 16, W: 16, Ci: 17, Co: 18, KH: 3, KW: 3, PadH: 1, PadW: 1}
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			ny, nx, nw := s.sizes()
			x, w, y := make([]float32, nx), make([]float32, nw), make([]float32, ny)
			const row, col = 6, 9
			x[(row*s.W+col)*s.Ci+16] = float32(bad)
			Conv2D(y, x, w, s, ConvOptions{Algorithm: convWinogradAlways})
			for p := range 16 {
				for q := range 16 {
					near := max(p-row, row-p) <= 1 && max(q-col, col-q) <= 1
					far := p/4 != 1 || q/4 != 2 // rows 3 to 8 and columns 7 to 12 are seen by this tile alone
					for _, v := range y[(p*s.W+q)*s.Co:][:s.Co] {
						finite := v-v == 0
						if near && finite || far && !finite {
							t.Fatalf("%g at (%d,%d): y(%d,%d) is %g", bad, row, col, p, q, v)
						}
					}
				}
			}
		}
	})
}

// TestWinogradRoundsOperands: in BF16 it is F32 of rounded operands, bit for bit, on
// every instruction set but tiles and for any number of workers; of the gradient of the
// filters there too what tiles leave to it.
func TestWinogradRoundsOperands(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, b := range convCases {
			if !slices.Contains(b.s.algorithms(), convWinogradAlways) {
				continue
			}
			suite.Run(b.name, func(tc *kerneltest.Case) {
				ny, nx, nw := b.s.sizes()
				x, w, dy, bias := tc.Input(nx, 0), tc.Input(nw, 1), tc.Input(ny, 2), tc.Input(b.s.Co, 3)
				run := func(x, w, gradient []float32, p Precision) (y, dx, dw []float32) {
					y, dx, dw = tc.Output(ny, 0), tc.Output(nx, 0), tc.Output(nw, 0)
					o := ConvOptions{Precision: p, Algorithm: convWinogradAlways, Accumulate: i%2 == 1}
					if o.Accumulate {
						copy(y, dy)
						copy(dx, x)
						copy(dw, w)
					}
					Conv2DGradInput(dx, gradient, w, b.s, o)
					Conv2DGradWeight(dw, gradient, x, b.s, o)
					o.Bias = bias
					Conv2D(y, x, w, b.s, o)
					return y, dx, dw
				}
				rx, rw := roundedCopy(x), roundedCopy(w)
				if i%2 == 1 { // what is accumulated into is not rounded
					x, w = rx, rw
				}
				wantY, wantDx, wantDw := run(rx, rw, roundedCopy(dy), F32)
				for workers := 1; workers <= 3; workers += 2 {
					useWorkers(t, workers)
					y, dx, dw := run(x, w, dy, BF16)
					if o := (ConvOptions{Precision: BF16}); !o.tapsOnTiles(b.s.strided()) {
						tc.Same("dw", dw, wantDw)
					}
					if !BF16.tiled() {
						tc.Same("y", y, wantY)
						tc.Same("dx", dx, wantDx)
					}
				}
			})
			suite.Run(b.name+", between pages", func(tc *kerneltest.Case) {
				flushConv(tc, b.s, i%2 == 0, ConvOptions{Accumulate: i%3 == 0, Algorithm: convWinogradAlways, Precision: BF16})
			})
		}
	})
}
