package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// doubleBound is the error bound of a float64 sum of terms numbers: Bound of
// kerneltest with u = 2^-53.
func doubleBound(terms int, magnitude float64) float64 {
	return float64(terms) / (1 << 52) * magnitude
}

func TestReductionsMatchRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			x, y := c.Input(n, offset), c.Input(n, (offset+5)%16)
			for _, r := range []struct {
				name       string
				got, exact float64 // exact: the same kernel in Go, all must agree in every bit
				want, abs  float64
			}{
				{"sum", k.sum(x), generic.Sum(x), first2(ref.Sum(x)), second(ref.Sum(x))},
				{"dot", k.dot(x, y), generic.Dot(x, y), first2(ref.Dot(x, y)), second(ref.Dot(x, y))},
				{"sumSquares", k.sumSquares(x), generic.SumSquares(x), first2(ref.Dot(x, x)), second(ref.Dot(x, x))},
				{"distance", k.distance(x, y), generic.SquaredDistance(x, y), ref.SquaredDistance(x, y), ref.SquaredDistance(x, y)},
			} {
				if !(math.Abs(r.got-r.want) <= doubleBound(n+3, r.abs)) {
					c.Fail("%s is %g, want %g", r.name, r.got, r.want)
				}
				if math.Float64bits(r.got) != math.Float64bits(r.exact) {
					c.Fail("%s is %x, generic has %x", r.name, math.Float64bits(r.got), math.Float64bits(r.exact))
				}
			}
			if !k.allFinite(x) {
				c.Fail("allFinite is false")
			}
		})
	})
}

func first2(a, _ float64) float64 { return a }
func second(_, b float64) float64 { return b }

// A bad number is found wherever it stands, and what stands behind the end is
// not looked at: the guard band is NaN.
func TestAllFiniteFindsEveryPlace(t *testing.T) {
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0xffffffff)}
	fine := []float32{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 0}
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, n := range []int{1, 31, 32, 33, 70} {
			suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
				x := c.Input(n, 3)
				for i := range x {
					was := x[i]
					for _, v := range bad {
						x[i] = v
						if k.allFinite(x) {
							c.Fail("%g at %d was not found", v, i)
						}
					}
					for _, v := range fine {
						x[i] = v
						if !k.allFinite(x) {
							c.Fail("%g at %d is finite", v, i)
						}
					}
					x[i] = was
				}
			})
		}
	})
}

func TestReductionsInChunks(t *testing.T) {
	suite := kerneltest.New(t)
	for _, n := range []int{0, 1, reduceChunk, 2*reduceChunk + 1, 5*reduceChunk + 77} {
		suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
			x, y := c.Input(n, 3), c.Input(n, 0)
			sum, abs := ref.Sum(x)
			dot, absDot := ref.Dot(x, y)
			squares, _ := ref.Dot(x, x)
			distance := ref.SquaredDistance(x, y)
			for _, r := range []struct {
				name           string
				got, want, abs float64
			}{
				{"Sum", Sum(x), sum, abs}, {"Dot", Dot(x, y), dot, absDot},
				{"SumSquares", SumSquares(x), squares, squares}, {"SquaredDistance", SquaredDistance(x, y), distance, distance},
			} {
				if !(math.Abs(r.got-r.want) <= doubleBound(n+3, r.abs)) {
					c.Fail("%s is %g, want %g", r.name, r.got, r.want)
				}
			}
			if !AllFinite(x) {
				c.Fail("AllFinite is false")
			}
			if n > 0 {
				x[n-1] = float32(math.Inf(1))
				if AllFinite(x) {
					c.Fail("AllFinite is true")
				}
			}
		})
	}
}

func TestColumnSumMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, cols := range kerneltest.Lengths(vectorLanes) {
			for _, rows := range []int{1, 2, 16} {
				suite.Run(fmt.Sprintf("rows=%d/cols=%d", rows, cols), func(c *kerneltest.Case) {
					x, dst := randomMat(c, rows, cols, 3), c.Input(cols, 3)
					start := append([]float32(nil), dst...)
					sum, abs := ref.ColumnSum(contiguous(x), rows, cols)
					k.columnSum(dst, x.Data, rows, x.RowStride)
					for i := range dst {
						was := float64(start[i])
						c.Near("dst", i, dst[i], was+sum[i], kerneltest.Bound(rows+1, abs[i]+math.Abs(was)))
					}
				})
			}
		}
	})
}

func TestColumnSumOfManyRows(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][2]int{{0, 3}, {4, 0}, {1, 5}, {64, 33}, {65, 33}, {300, 129}, {64*64 + 9, 5}} { // no chunk, none, one, one whole, two, several, longer ones
		for _, accumulate := range []bool{false, true} {
			suite.Run(fmt.Sprintf("rows=%d/cols=%d/accumulate=%t", s[0], s[1], accumulate), func(c *kerneltest.Case) {
				x, dst := randomMat(c, s[0], s[1], 1), c.Output(s[1], 0)
				if accumulate {
					Fill(dst, 2)
				}
				sum, abs := ref.ColumnSum(contiguous(x), s[0], s[1])
				ColumnSum(dst, x, ColumnSumOptions{Accumulate: accumulate})
				for i := range dst {
					if accumulate {
						sum[i], abs[i] = sum[i]+2, abs[i]+2
					}
					c.Near("dst", i, dst[i], sum[i], kerneltest.Bound(s[0]+partialChunks, abs[i]))
				}
			})
		}
	}
}

func TestReductionsPanic(t *testing.T) {
	two, one := make([]float32, 2), make([]float32, 1)
	m := MatOf(make([]float32, 6), 2, 3)
	wantPanic(t, "kernels: Dot: len(y) is 1, want at least 2", func() { Dot(two, one) })
	wantPanic(t, "kernels: SquaredDistance: len(y) is 1, want at least 2", func() { SquaredDistance(two, one) })
	wantPanic(t, "kernels: ColumnSum: len(dst) is 2, want at least 3", func() { ColumnSum(two, m, ColumnSumOptions{}) })
	wantPanic(t, "kernels: ColumnSum: x.ColStride is 3, want exactly 1", func() { ColumnSum(two, m.T(), ColumnSumOptions{}) })
}
