package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// boundSoftmax is the relative error of a softmax over terms elements whose
// scaled arguments are at most size: two roundings of the argument of exp, exp
// itself at most an ulp (two units) off, all of it again in the sum, the
// additions, and the division with its reciprocal.
func boundSoftmax(terms int, size float64) float64 {
	return 2*(3*unit*size+2*unit) + float64(terms+3)*unit
}

func TestSoftmaxRowsMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, n := range kerneltest.Lengths(vectorLanes)[1:] { // there is at least one column
			for _, scale := range []float32{1, 0.125, 50} { // 50: most of the row underflows
				rows := 1 + n%3
				suite.Run(fmt.Sprintf("rows=%d/cols=%d/scale=%g", rows, n, scale), func(c *kerneltest.Case) {
					x, y := randomMat(c, rows, n, 3), emptyMat(c, rows, n, 1)
					top, sum := c.Output(rows, 0), c.Output(rows, 0)
					k.softmaxRows(y.Data, y.RowStride, x.Data, x.RowStride, n, scale, top, sum)
					for r := range rows {
						want, lse := ref.Softmax(x.Row(r), float64(scale))
						bound := boundSoftmax(n, float64(scale))
						got := float64(top[r]) + math.Log(float64(sum[r]))
						if !(math.Abs(got-lse) <= bound+unit*math.Abs(lse)) {
							c.Fail("log-sum-exp is %g, want %g", got, lse)
						}
						for i, v := range y.Row(r) {
							c.Near("y", i, v, want[i], want[i]*bound+2*math.SmallestNonzeroFloat32)
						}
					}
					k.softmaxRows(x.Data, x.RowStride, x.Data, x.RowStride, n, scale, top, sum)
					c.Same("in place", contiguous(x), contiguous(y))
				})
			}
		}
	})
}

func TestSoftmaxGradRowMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			dy, y, dx := c.Input(n, offset), c.Input(n, 3), c.Output(n, offset)
			want := ref.SoftmaxGrad(dy, y)
			dot, abs := ref.Dot(dy, y)
			k.softmaxGradRow(dx, dy, y)
			for i := range dx {
				e := kerneltest.Bound(n+1, abs) + 3*unit*(math.Abs(dot)+1)
				c.Near("dx", i, dx[i], want[i], e*math.Abs(float64(y[i])))
			}
		})
	})
}

func TestSoftmaxOfExtremes(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, s := range []struct {
			name    string
			x, want []float64
		}{
			{"large", []float64{1e30, 1e30, -1e30}, []float64{0.5, 0.5, 0}},
			{"minus infinity is a mask", []float64{1, -inf, 1}, []float64{0.5, 0, 0.5}},
			{"all masked", []float64{-inf, -inf}, []float64{nan, nan}},
			{"plus infinity", []float64{0, inf}, []float64{nan, nan}},
			{"NaN", []float64{0, nan, 3}, []float64{nan, nan, nan}},
			{"one", []float64{-7}, []float64{1}},
		} {
			suite.Run(s.name, func(c *kerneltest.Case) {
				x := c.Output(len(s.x), 0)
				for i, v := range s.x {
					x[i] = float32(v)
				}
				stat := make([]float32, 1)
				k.softmaxRows(x, len(x), x, len(x), len(x), 1, stat, stat)
				for i, w := range s.want {
					c.Near("y", i, x[i], w, unit)
				}
			})
		}
	})
}

func TestSoftmaxMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {7, 50}, {90, 197}} { // none, none, one, inline, several items
		suite.Run(fmt.Sprintf("rows=%d/cols=%d", s[0], s[1]), func(c *kerneltest.Case) {
			x, y, dy, dx := randomMat(c, s[0], s[1], 1), emptyMat(c, s[0], s[1], 4), randomMat(c, s[0], s[1], 0), emptyMat(c, s[0], s[1], 2)
			Softmax(y, x)
			SoftmaxGrad(dx, dy, y)
			for r := range s[0] {
				want, _ := ref.Softmax(x.Row(r), 1)
				grad := ref.SoftmaxGrad(dy.Row(r), y.Row(r))
				_, abs := ref.Dot(dy.Row(r), y.Row(r))
				for i := range want {
					c.Near("y", i, y.Row(r)[i], want[i], want[i]*boundSoftmax(s[1], 1))
					c.Near("dx", i, dx.Row(r)[i], grad[i], want[i]*(kerneltest.Bound(s[1]+1, abs)+6*unit))
				}
			}
		})
	}
}

func TestSoftmaxPanics(t *testing.T) {
	m := MatOf(make([]float32, 6), 2, 3)
	less := m.Sub(0, 1, 0, 3)
	wantPanic(t, "kernels: Softmax: y.Rows is 1, want exactly 2", func() { Softmax(less, m) })
	wantPanic(t, "kernels: Softmax: x.ColStride is 3, want exactly 1", func() { Softmax(m.T(), m.T()) })
	wantPanic(t, "kernels: SoftmaxGrad: dy.Rows is 1, want exactly 2", func() { SoftmaxGrad(m, less, m) })
	wantPanic(t, "kernels: SoftmaxGrad: dx.Rows is 1, want exactly 2", func() { SoftmaxGrad(less, m, m) })
	overlap := m
	overlap.RowStride = 2
	wantPanic(t, "kernels: Softmax: y.RowStride is 2, want at least 3", func() { Softmax(overlap, m) })
	wantPanic(t, "kernels: SoftmaxGrad: dx.RowStride is 2, want at least 3", func() { SoftmaxGrad(overlap, m, m) })
	Softmax(MatOf(make([]float32, 6), 2, 3), overlap) // what is only read may overlap
}
