package kerneltest

import (
	"fmt"
	"math"
	"slices"

	"lethe/kernels/ref"
)

// GemmFunc is a matrix product under test: c = (c if accumulate) + a*b + bias.
type GemmFunc func(c, a, b ref.View, accumulate bool, bias []float32)

// Layout says how a matrix lies in memory.
type Layout int

// The layouts that operands are tried in.
const (
	RowMajor  Layout = iota // rows contiguous, one after another
	ColMajor                // columns contiguous: a transposed view
	Padded                  // rows contiguous, with a gap between them
	Scattered               // no two neighbours adjacent
)

// GemmCase is one product to try.
type GemmCase struct {
	M, N, K    int
	A, B, C    Layout
	Accumulate bool
	Bias       bool
	Offset     int // of every operand, elements past a 64-byte boundary

	Round func(x float32) float32 // what the product makes of each operand first; nil: nothing
	Loose float64                 // relative error of one product beside that of the sum
}

// rounded is what the product makes of an operand.
func (g GemmCase) rounded(v ref.View) ref.View {
	if g.Round == nil {
		return v
	}
	data := make([]float32, len(v.Data))
	for i, x := range v.Data {
		data[i] = g.Round(x)
	}
	v.Data = data
	return v
}

// Gemm runs one case against the reference, with the bound that Bound derives:
// K products and at most two more additions, plus one per 384 products.
func (s *Suite) Gemm(g GemmCase, f GemmFunc) {
	name := fmt.Sprintf("m=%d/n=%d/k=%d/a=%d/b=%d/c=%d/accumulate=%t/bias=%t/offset=%d",
		g.M, g.N, g.K, g.A, g.B, g.C, g.Accumulate, g.Bias, g.Offset)
	s.Run(name, func(c *Case) { c.gemm(g, f) })
}

func (c *Case) gemm(g GemmCase, f GemmFunc) {
	a, b := c.matrix(g.M, g.K, g.A, g.Offset), c.matrix(g.K, g.N, g.B, g.Offset)
	out := c.output(g)
	var bias []float32
	if g.Bias {
		bias = c.Input(g.N, g.Offset)
	}
	want, magnitude := ref.Gemm(g.rounded(a), g.rounded(b))
	products := slices.Clone(magnitude)
	for m := range g.M {
		for n := range g.N {
			i := m*g.N + n
			if g.Accumulate {
				want[i] += out.At(m, n)
				magnitude[i] += math.Abs(out.At(m, n))
			}
			if bias != nil {
				want[i] += float64(bias[n])
				magnitude[i] += math.Abs(float64(bias[n]))
			}
		}
	}
	f(out, a, b, g.Accumulate, bias)
	for m := range g.M {
		for n := range g.N {
			i := m*g.N + n
			c.Near("c", i, float32(out.At(m, n)), want[i], Bound(g.K+2, magnitude[i])+g.Loose*products[i])
		}
	}
	c.gaps(out)
}

// place makes the view of a matrix without its memory, and the number of
// elements that it spans.
func place(rows, cols int, l Layout) (ref.View, int) {
	v := ref.View{Rows: rows, Cols: cols}
	switch l {
	case RowMajor:
		v.RowStride, v.ColStride = cols, 1
	case ColMajor:
		v.RowStride, v.ColStride = 1, rows
	case Padded:
		v.RowStride, v.ColStride = cols+5, 1
	case Scattered:
		v.RowStride, v.ColStride = 2*cols+3, 2
	}
	if rows == 0 || cols == 0 {
		return v, 0
	}
	return v, (rows-1)*v.RowStride + (cols-1)*v.ColStride + 1
}

// matrix is an input: values in [-1, 1), NaN in the gaps and around.
func (c *Case) matrix(rows, cols int, l Layout, offset int) ref.View {
	v, span := place(rows, cols, l)
	v.Data = c.Output(span, offset)
	for r := range rows {
		for col := range cols {
			v.Data[r*v.RowStride+col*v.ColStride] = c.Rand.Float32()*2 - 1
		}
	}
	return v
}

// output is a destination: NaN unless it is accumulated into.
func (c *Case) output(g GemmCase) ref.View {
	if g.Accumulate {
		return c.matrix(g.M, g.N, g.C, g.Offset)
	}
	v, span := place(g.M, g.N, g.C)
	v.Data = c.Output(span, g.Offset)
	return v
}

// gaps fails if an element between the rows of v was written.
func (c *Case) gaps(v ref.View) {
	inside := make([]bool, len(v.Data))
	for r := range v.Rows {
		for col := range v.Cols {
			inside[r*v.RowStride+col*v.ColStride] = true
		}
	}
	for i, x := range v.Data {
		if !inside[i] && math.Float32bits(x) != sentinel {
			c.Fail("element %d, in a gap of c, was overwritten", i)
		}
	}
}
