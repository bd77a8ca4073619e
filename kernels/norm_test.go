package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// unit is the unit roundoff of float32.
const unit = 1.0 / (1 << 24)

// normBound carries the error of one row of layer normalization through the
// formulas, first order in unit roundoffs. Sums of n terms have the error that
// kerneltest.Bound gives; every operation adds one unit of its result.
type normBound struct {
	mean float64 // absolute error of the mean
	rstd float64 // relative error of rstd
}

func boundNorm(x []float32, mean, rstd float64) normBound {
	n := float64(len(x))
	abs, spread := 0.0, 0.0
	for _, v := range x {
		abs += math.Abs(float64(v))
	}
	b := normBound{mean: kerneltest.Bound(len(x)+2, abs) / n}
	for _, v := range x {
		d := math.Abs(float64(v) - mean)
		e := b.mean + unit*d
		spread += 2*d*e + e*e + kerneltest.Bound(len(x)+2, d*d)
	}
	b.rstd = spread/n*rstd*rstd/2 + 4*unit
	return b
}

// normal is the error of (x-mean)*rstd, whose exact value is given.
func (b normBound) normal(exact, rstd float64) float64 {
	return rstd*b.mean + math.Abs(exact)*(b.rstd+2*unit)
}

const testEps = 1e-6

func TestLayerNormRowMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			if n == 0 {
				return // C is at least 1
			}
			x, gamma, beta, y := c.Input(n, offset), c.Input(n, 0), c.Input(n, 3), c.Output(n, offset)
			want, means, rstds := ref.LayerNorm(x, gamma, beta, 1, n, testEps)
			bound := boundNorm(x, means[0], rstds[0])
			check := func(mean, rstd float32) {
				c.Near("mean", 0, mean, means[0], bound.mean)
				c.Near("rstd", 0, rstd, rstds[0], bound.rstd*rstds[0])
				for i := range y {
					scaled := want[i] - float64(beta[i])
					e := bound.normal(scaled/float64(gamma[i]), rstds[0])*math.Abs(float64(gamma[i])) + 2*unit*(math.Abs(scaled)+math.Abs(want[i]))
					c.Near("y", i, y[i], want[i], e)
				}
			}
			check(k.layerNormRow(y, x, gamma, beta, testEps))
			copy(y, x)
			check(k.layerNormRow(y, y, gamma, beta, testEps)) // in place
		})
	})
}

// TestLayerNormRowsAreRows: rows that are computed together, apart or in place have the bits of each
// alone, and what lies between them stays.
func TestLayerNormRowsAreRows(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			if n == 0 {
				return
			}
			const most = 5
			xStride, yStride := n+1, n+3
			gamma, beta := c.Input(n, 0), c.Input(n, 3)
			x := c.Input(most*xStride, offset)
			for rows := range most + 1 {
				y, want := c.Output(most*yStride, offset), make([]float32, most*yStride)
				copy(want, y)
				var wantMean, wantRStd []float32
				for r := range rows {
					mean, rstd := k.layerNormRow(want[r*yStride:][:n], x[r*xStride:], gamma, beta, testEps)
					wantMean, wantRStd = append(wantMean, mean), append(wantRStd, rstd)
				}
				mean, rstd := c.Output(rows, 0), c.Output(rows, 0)
				k.layerNormRows(y, yStride, x, xStride, gamma, beta, testEps, mean, rstd)
				c.Same("y", y, want)
				c.Same("mean", mean, wantMean)
				c.Same("rstd", rstd, wantRStd)

				place := append([]float32(nil), x...)
				k.layerNormRows(place, xStride, place, xStride, gamma, beta, testEps, mean, rstd)
				for r := range most {
					wanted := x[r*xStride:][:xStride]
					if r < rows {
						wanted = append(append([]float32(nil), y[r*yStride:][:n]...), x[r*xStride+n])
					}
					c.Same("in place", place[r*xStride:][:xStride], wanted)
				}
			}
		})
	})
}

func TestLayerNormGradRowMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			if n == 0 {
				return
			}
			x, dy, gamma, dx := c.Input(n, offset), c.Input(n, 3), c.Input(n, 0), c.Output(n, offset)
			want, bound := expectNormGrad(dy, x, gamma)
			mean, rstd := statistics(x)
			k.layerNormGradRow(dx, dy, x, gamma, mean, rstd)
			for i := range dx {
				c.Near("dx", i, dx[i], want[i], bound[i])
			}
			k.fill(dx, 3)
			k.layerNormGradRowAdd(dx, dy, x, gamma, mean, rstd)
			for i := range dx {
				c.Near("dx added to 3", i, dx[i], 3+want[i], bound[i]+unit*math.Abs(3+want[i]))
			}
		})
	})
}

// statistics are mean and rstd of a row, rounded.
func statistics(x []float32) (mean, rstd float32) {
	_, means, rstds := ref.LayerNorm(x, x, x, 1, len(x), testEps)
	return float32(means[0]), float32(rstds[0])
}

// expectNormGrad is the gradient of one row and the error it may have.
func expectNormGrad(dy, x, gamma []float32) (want, bound []float64) {
	n := len(x)
	want, _, _ = ref.LayerNormGrad(dy, x, gamma, 1, n, testEps)
	_, means, rstds := ref.LayerNorm(x, gamma, gamma, 1, n, testEps)
	mean, rstd := means[0], rstds[0]
	e := boundNorm(x, mean, rstd)
	var plain, along, absPlain, absAlong, errAlong float64
	for i := range x {
		g, normal := float64(dy[i])*float64(gamma[i]), (float64(x[i])-mean)*rstd
		plain, along = plain+g/float64(n), along+g*normal/float64(n)
		absPlain, absAlong = absPlain+math.Abs(g), absAlong+math.Abs(g*normal)
		errAlong += math.Abs(g) * e.normal(normal, rstd) / float64(n)
	}
	errPlain := kerneltest.Bound(n+3, absPlain) / float64(n)
	errAlong += kerneltest.Bound(n+4, absAlong) / float64(n)
	for i := range x {
		g, normal := float64(dy[i])*float64(gamma[i]), (float64(x[i])-mean)*rstd
		size := math.Abs(g) + math.Abs(plain) + math.Abs(normal*along)
		bound = append(bound, rstd*(errPlain+math.Abs(normal)*errAlong+math.Abs(along)*e.normal(normal, rstd)+(6*unit+e.rstd)*size))
	}
	return want, bound
}

func TestLayerNormGradParamsMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, cols := range kerneltest.Lengths(vectorLanes)[1:] {
			for _, rows := range []int{1, 3, 16} {
				suite.Run(fmt.Sprintf("rows=%d/cols=%d", rows, cols), func(c *kerneltest.Case) {
					dy, x := randomMat(c, rows, cols, 1), randomMat(c, rows, cols, 4)
					mean, rstd := c.Input(rows, 1), c.Input(rows, 2)
					dgamma, dbeta := c.Output(cols, 3), c.Output(cols, 0)
					Fill(dgamma, 1)
					Fill(dbeta, -1)
					k.layerNormGradParams(dgamma, dbeta, dy.Data, dy.RowStride, x.Data, x.RowStride, mean, rstd)
					for i := range dgamma {
						scale, absScale, shift, absShift := 1.0, 1.0, -1.0, 1.0
						for r := range rows {
							d := float64(dy.Row(r)[i])
							p := d * (float64(x.Row(r)[i]) - float64(mean[r])) * float64(rstd[r])
							scale, absScale = scale+p, absScale+math.Abs(p)
							shift, absShift = shift+d, absShift+math.Abs(d)
						}
						c.Near("dgamma", i, dgamma[i], scale, kerneltest.Bound(rows+4, absScale))
						c.Near("dbeta", i, dbeta[i], shift, kerneltest.Bound(rows+1, absShift))
					}
				})
			}
		}
	})
}

// normShapes are rows and columns: one element, an edge of every block, several
// chunks of rows, and the encoder and decoder of the models.
var normShapes = [][2]int{{1, 1}, {3, 2}, {64, 33}, {65, 127}, {130, 64}, {50, 768}, {4161, 8}}

func TestLayerNormMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range normShapes {
		suite.Run(fmt.Sprintf("rows=%d/cols=%d", s[0], s[1]), func(c *kerneltest.Case) {
			x, y := randomMat(c, s[0], s[1], 2), emptyMat(c, s[0], s[1], 5)
			gamma, beta := c.Input(s[1], 0), c.Input(s[1], 0)
			keep := NormStats{Mean: c.Output(s[0], 0), RStd: c.Output(s[0], 0)}
			LayerNorm(y, x, gamma, beta, testEps, keep)
			want, means, rstds := ref.LayerNorm(contiguous(x), gamma, beta, s[0], s[1], testEps)
			for r := range s[0] {
				bound := boundNorm(x.Row(r), means[r], rstds[r])
				c.Near("mean", r, keep.Mean[r], means[r], bound.mean)
				c.Near("rstd", r, keep.RStd[r], rstds[r], bound.rstd*rstds[r])
				for i, got := range y.Row(r) {
					exact := want[r*s[1]+i]
					normal := (float64(x.Row(r)[i]) - means[r]) * rstds[r]
					c.Near("y", i, got, exact, bound.normal(normal, rstds[r])+2*unit*(1+math.Abs(normal)+math.Abs(exact)))
				}
			}
		})
	}
}

func TestLayerNormGradMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range normShapes {
		for _, accumulate := range []bool{false, true} {
			suite.Run(fmt.Sprintf("rows=%d/cols=%d/accumulate=%t", s[0], s[1], accumulate), func(c *kerneltest.Case) {
				x, dy, dx := randomMat(c, s[0], s[1], 2), randomMat(c, s[0], s[1], 0), emptyMat(c, s[0], s[1], 5)
				gamma := c.Input(s[1], 0)
				dgamma, dbeta := c.Output(s[1], 0), c.Output(s[1], 0)
				start := 0.0
				if accumulate {
					start = 1
					Fill(dgamma, 1)
					Fill(dbeta, 1)
					for r := range s[0] {
						Fill(dx.Row(r), 1)
					}
				}
				keep := NormStats{}
				for r := range s[0] {
					mean, rstd := statistics(x.Row(r))
					keep.Mean, keep.RStd = append(keep.Mean, mean), append(keep.RStd, rstd)
				}
				LayerNormGrad(LayerNormGrads{DX: dx, DGamma: dgamma, DBeta: dbeta, AccumulateX: accumulate, AccumulateParams: accumulate}, dy, x, gamma, keep)
				_, wantGamma, wantBeta := ref.LayerNormGrad(contiguous(dy), contiguous(x), gamma, s[0], s[1], testEps)
				for r := range s[0] {
					want, bound := expectNormGrad(dy.Row(r), x.Row(r), gamma)
					for i, got := range dx.Row(r) {
						c.Near("dx", i, got, start+want[i], bound[i]+unit*math.Abs(start+want[i]))
					}
				}
				for i := range dgamma {
					abs, errors, absBeta := start, 0.0, start
					for r := range s[0] {
						d := math.Abs(float64(dy.Row(r)[i]))
						rstd := float64(keep.RStd[r])
						normal := (float64(x.Row(r)[i]) - float64(keep.Mean[r])) * rstd
						abs, absBeta = abs+d*math.Abs(normal), absBeta+d
						errors += d * (normBound{mean: unit, rstd: unit}).normal(normal, rstd)
					}
					c.Near("dgamma", i, dgamma[i], start+wantGamma[i], kerneltest.Bound(s[0]+partialChunks, abs)+errors)
					c.Near("dbeta", i, dbeta[i], start+wantBeta[i], kerneltest.Bound(s[0]+partialChunks, absBeta))
				}
			})
		}
	}
}

// What is not wanted is not touched, and no rows give zero gradients.
func TestLayerNormGradWritesWhatIsWanted(t *testing.T) {
	suite := kerneltest.New(t)
	suite.Run("parts", func(c *kerneltest.Case) {
		const rows, cols = 70, 40
		x, dy, gamma := randomMat(c, rows, cols, 0), randomMat(c, rows, cols, 0), c.Input(cols, 0)
		keep := NormStats{Mean: c.Input(rows, 0), RStd: c.Input(rows, 0)}
		both := LayerNormGrads{DX: emptyMat(c, rows, cols, 0), DGamma: c.Output(cols, 0), DBeta: c.Output(cols, 0)}
		LayerNormGrad(both, dy, x, gamma, keep)
		onlyX := LayerNormGrads{DX: emptyMat(c, rows, cols, 0)}
		LayerNormGrad(onlyX, dy, x, gamma, keep)
		c.Same("DX alone", onlyX.DX.Data, both.DX.Data)
		params := LayerNormGrads{DGamma: c.Output(cols, 0), DBeta: c.Output(cols, 0)}
		LayerNormGrad(params, dy, x, gamma, keep)
		c.Same("DGamma alone", params.DGamma, both.DGamma)
		c.Same("DBeta alone", params.DBeta, both.DBeta)
		none := Mat{Cols: cols, RowStride: cols, ColStride: 1}
		LayerNormGrad(params, none, none, gamma, NormStats{})
		c.Same("DGamma of no rows", params.DGamma, make([]float32, cols))
	})
}

func TestLayerNormCarriesNaN(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		suite.Run("NaN", func(c *kerneltest.Case) {
			x, gamma, y := c.Input(37, 0), c.Input(37, 0), c.Output(37, 0)
			x[36] = float32(math.NaN())
			k.layerNormRow(y, x, gamma, gamma, testEps)
			for i := range y {
				c.Near("y", i, y[i], math.NaN(), 0)
			}
			k.layerNormGradRow(y, gamma, x, gamma, 0, 1)
			for i := range y {
				c.Near("dx", i, y[i], math.NaN(), 0)
			}
		})
	})
}

func TestLayerNormPanics(t *testing.T) {
	m, one, three := MatOf(make([]float32, 6), 2, 3), make([]float32, 1), make([]float32, 3)
	keep := NormStats{Mean: three, RStd: three}
	none, overlap := m.Sub(0, 2, 0, 0), m
	overlap.RowStride = 2
	for want, call := range map[string]func(){
		"kernels: LayerNorm: columns of x is 0, want at least 1":       func() { LayerNorm(none, none, nil, nil, 1, keep) },
		"kernels: LayerNorm: y.Rows is 1, want exactly 2":              func() { LayerNorm(m.Sub(0, 1, 0, 3), m, three, three, 1, keep) },
		"kernels: LayerNorm: len(gamma) is 1, want at least 3":         func() { LayerNorm(m, m, one, three, 1, keep) },
		"kernels: LayerNorm: len(beta) is 1, want at least 3":          func() { LayerNorm(m, m, three, one, 1, keep) },
		"kernels: LayerNorm: len(keep.Mean) is 1, want at least 2":     func() { LayerNorm(m, m, three, three, 1, NormStats{one, three}) },
		"kernels: LayerNorm: len(keep.RStd) is 1, want at least 2":     func() { LayerNorm(m, m, three, three, 1, NormStats{three, one}) },
		"kernels: LayerNorm: x.ColStride is 3, want exactly 1":         func() { LayerNorm(m.T(), m.T(), three, three, 1, keep) },
		"kernels: LayerNorm: y.RowStride is 2, want at least 3":        func() { LayerNorm(overlap, m, three, three, 1, keep) },
		"kernels: LayerNormGrad: d.DX.RowStride is 2, want at least 3": func() { LayerNormGrad(LayerNormGrads{DX: overlap}, m, m, three, keep) },
		"kernels: LayerNormGrad: len(gamma) is 1, want at least 3":     func() { LayerNormGrad(LayerNormGrads{DX: m}, m, m, one, keep) },
		"kernels: LayerNormGrad: dy.Cols is 2, want exactly 3":         func() { LayerNormGrad(LayerNormGrads{DX: m}, m.Sub(0, 2, 0, 2), m, three, keep) },
		"kernels: LayerNormGrad: d.DX.Rows is 1, want exactly 2":       func() { LayerNormGrad(LayerNormGrads{DX: m.Sub(0, 1, 0, 3)}, m, m, three, keep) },
		"kernels: LayerNormGrad: len(d.DBeta) is 0, want at least 3":   func() { LayerNormGrad(LayerNormGrads{DGamma: three}, m, m, three, keep) },
		"kernels: LayerNormGrad: len(d.DGamma) is 1, want at least 3":  func() { LayerNormGrad(LayerNormGrads{DGamma: one}, m, m, three, keep) },
		"kernels: LayerNormGrad: len(keep.Mean) is 0, want at least 2": func() { LayerNormGrad(LayerNormGrads{}, m, m, three, NormStats{}) },
	} {
		wantPanic(t, want, call)
	}
}
