package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// gemmView adapts Gemm to the views of the conformance suite.
func gemmView(c, a, b ref.View, accumulate bool, bias []float32) {
	Gemm(Mat(c), Mat(a), Mat(b), GemmOptions{Accumulate: accumulate, Bias: bias})
}

// gemmDepths are the reduction lengths: none, around the unrolling by 4, around
// the 8 steps of a transpose, around a power of two, and around one and two
// pieces of maxK.
var gemmDepths = []int{0, 1, 2, 3, 7, 8, 9, 255, 256, 257, maxK - 1, maxK, maxK + 1, 2*maxK + 1}

// variety derives the remaining properties of a case from its number, so that
// every layout, option and alignment meets every edge somewhere in the table.
func variety(i int, g kerneltest.GemmCase) kerneltest.GemmCase {
	g.A, g.B = kerneltest.Layout(i%4), kerneltest.Layout(i/4%4)
	g.C = []kerneltest.Layout{kerneltest.RowMajor, kerneltest.Padded, kerneltest.ColMajor}[i/3%3]
	g.Accumulate, g.Bias = i%2 == 1, i/2%3 == 1
	g.Offset = kerneltest.Alignments[i/5%4]
	return g
}

// eachLevel runs body for every instruction set of this processor and build.
func eachLevel(t *testing.T, body func(t *testing.T)) {
	for l := range widest() + 1 {
		t.Run("isa="+levels[l], func(t *testing.T) {
			useLevel(t, l)
			body(t)
		})
	}
}

// TestGemmEveryEdge tries every m up to two tiles and a row and every n up to
// two tiles and a column, on every instruction set.
func TestGemmEveryEdge(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		tile, i := gemmTileShape(), 0
		for m := range 2*tile.mr + 2 {
			for n := range 2*tile.nr + 2 {
				i += 7
				suite.Gemm(variety(i, kerneltest.GemmCase{M: m, N: n, K: gemmDepths[(m+n)%7]}), gemmView)
			}
		}
	})
}

// TestGemmEveryDepth crosses the reduction lengths with the sizes next to each
// edge, in every pair of operand layouts.
func TestGemmEveryDepth(t *testing.T) {
	suite := kerneltest.New(t)
	tile, i := gemmTileShape(), 0
	for _, k := range gemmDepths {
		for _, m := range []int{1, tile.mr, tile.mr + 1} { // row edge, whole tile, tile and edge
			for _, n := range []int{1, tile.step, tile.nr - 1, tile.nr, tile.nr + tile.step + 1} { // narrow, cut, whole, mixed
				for layouts := range 16 {
					i++
					g := variety(i, kerneltest.GemmCase{M: m, N: n, K: k})
					g.A, g.B = kerneltest.Layout(layouts%4), kerneltest.Layout(layouts/4)
					if k < 256 || layouts == i%16 || layouts == 5 {
						suite.Gemm(g, gemmView)
					}
				}
			}
		}
	}
}

// TestGemmStaysInsideMemory puts every operand between closed pages, on every
// instruction set.
func TestGemmStaysInsideMemory(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		tile := gemmTileShape()
		for i := range 64 {
			m, n, k := 1+i%(2*tile.mr), 1+i*5%(2*tile.nr), 1+i*11%150 // past two pieces of a transpose
			suite.Run(fmt.Sprintf("m=%d/n=%d/k=%d", m, n, k), func(c *kerneltest.Case) { gemmBetweenPages(c, i, m, n, k, F32) })
		}
	})
}

// gemmBetweenPages runs one product of zeros whose layout, options and side of
// the closed page follow from its number.
func gemmBetweenPages(c *kerneltest.Case, i, m, n, k int, p Precision) {
	front := i%3 == 0
	a, b := MatOf(c.Flush(m*k, front), m, k), MatOf(c.Flush(k*n, front), k, n)
	if i&1 != 0 {
		a = MatOf(a.Data, k, m).T()
	}
	if i&2 != 0 {
		b = MatOf(b.Data, n, k).T()
	}
	o := GemmOptions{Accumulate: i&4 != 0, Bias: c.Flush(n, front), Precision: p}
	out := MatOf(c.Flush(m*n, front), m, n)
	Gemm(out, a, b, o)
	for j, x := range out.Data {
		c.Near("c", j, x, 0, 0)
	}
}

// TestGemmRealShapes checks a sample of elements of the shapes that the models
// use most; the generic kernels, a hundred times slower, get an eighth of the
// rows.
func TestGemmRealShapes(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range netShapes(t, "vit") {
		if s.name == "vitb197" || s.name == "vitb197b1" || s.name == "vitb50b8" {
			continue // the same blocks as vitb50, and more of them
		}
		if isa == isaGeneric {
			s.m = s.m/8 + 1
		}
		suite.Run(fmt.Sprintf("%s/%s/%dx%dx%d", s.name, s.op, s.m, s.n, s.k), func(tc *kerneltest.Case) {
			c, a, b := s.operands(t, func() float32 { return tc.Rand.Float32()*2 - 1 })
			Gemm(c, a, b, GemmOptions{})
			for range 100 {
				m, n := tc.Rand.IntN(s.m), tc.Rand.IntN(s.n)
				want, magnitude := ref.Gemm(ref.View(a.Sub(m, m+1, 0, s.k)), ref.View(b.Sub(0, s.k, n, n+1)))
				tc.Near("c", m*s.n+n, c.Data[m*s.n+n], want[0], kerneltest.Bound(s.k+2, magnitude[0]))
			}
		})
	}
}

// TestGemmMatchesGonum compares with an independent implementation. Both round,
// so they may be two bounds apart.
func TestGemmMatchesGonum(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {17, 31, 400}, {130, 70, 55}, {64, 200, 769}} {
		suite.Run(fmt.Sprint(s), func(tc *kerneltest.Case) {
			m, n, k := s[0], s[1], s[2]
			a, b, c, want := tc.Input(m*k, 0), tc.Input(n*k, 0), tc.Output(m*n, 0), tc.Output(m*n, 0)
			Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, n, k).T(), GemmOptions{})
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, gonumView(a, m, k), gonumView(b, n, k), 0, gonumView(want, m, n))
			_, magnitude := ref.Gemm(ref.View(MatOf(a, m, k)), ref.View(MatOf(b, n, k).T()))
			for i := range c {
				tc.Near("c", i, c[i], float64(want[i]), 2*kerneltest.Bound(k+2, magnitude[i]))
			}
		})
	}
}

func gonumView(data []float32, rows, cols int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: data}
}

// TestGemmManyParts reaches the outer loops: more pieces of k than a block has,
// more columns, and more rows than are packed at once, with the cache as it is and with
// one of nothing.
func TestGemmManyParts(t *testing.T) {
	suite := kerneltest.New(t)
	for i, s := range [][3]int{{3, 50, 2*groupSteps + 5}, {2000, 9, 2*maxK + 5}, {9, 2000, 2*maxK + 5}} {
		suite.Gemm(kerneltest.GemmCase{M: s[0], N: s[1], K: s[2], Accumulate: i == 1, Bias: i == 0}, gemmView)
	}
	before := residentElements
	defer func() { residentElements = before }()
	residentElements = 1
	suite.Gemm(kerneltest.GemmCase{M: packedSize/maxK + 9, N: 5, K: maxK, Bias: true}, gemmView)
	suite.Gemm(kerneltest.GemmCase{M: 50, N: 120, K: 2*maxK + 5, Accumulate: true}, gemmView)
}

// TestCutColumns: the panels cover the columns in order, none wider than a tile
// or more than one step narrower.
func TestCutColumns(t *testing.T) {
	for _, tile := range []gemmShape{{mr: 8, nr: 48, step: 16}, {mr: 6, nr: 16, step: 8}, {mr: 2, nr: 4, step: 4}} {
		for n := 1; n < 400; n++ {
			c, next := cutColumns(n, tile), 0
			for i := range c.panels {
				lane, used, width := c.panel(i)
				narrow := tile.nr - tile.step
				if c.panels == 1 {
					narrow = tile.step
				}
				if lane != next || width > tile.nr || width < max(narrow, tile.step) || width%tile.step != 0 || used > width || used <= width-tile.step {
					t.Fatalf("%d columns in tiles of %d: panel %d is at %d, %d of %d columns", n, tile.nr, i, lane, used, width)
				}
				next = lane + used
			}
			if next != n {
				t.Fatalf("%d columns in tiles of %d: the panels end at %d", n, tile.nr, next)
			}
		}
	}
}

func TestGemmEmptyReduction(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		o    GemmOptions
		have float32
		want float32
	}{
		{"overwrite", GemmOptions{}, nan, 0},
		{"accumulate", GemmOptions{Accumulate: true}, 3, 3},
		{"bias", GemmOptions{Bias: []float32{5}}, nan, 5},
		{"both", GemmOptions{Accumulate: true, Bias: []float32{5}}, 3, 8},
	} {
		out := []float32{c.have}
		Gemm(MatOf(out, 1, 1), MatOf(nil, 1, 0), MatOf(nil, 0, 1), c.o)
		if out[0] != c.want {
			t.Errorf("%s: c is %g, want %g", c.name, out[0], c.want)
		}
	}
}

// TestGemmCarriesNaN: zero factors are multiplied, and what is overwritten is
// not read.
func TestGemmCarriesNaN(t *testing.T) {
	const m, n, k = 20, 100, 33
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		for i := range c {
			c[i] = float32(math.NaN())
		}
		b[7*n+70] = bad // times zeros of a: column 70 of c
		Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, k, n), GemmOptions{})
		for i, x := range c {
			if isNaN := x != x; isNaN != (i%n == 70) {
				t.Fatalf("c[%d,%d] is %g with %g in column 70 of b", i/n, i%n, x, bad)
			}
		}
	}
}

func TestGemmRejectsBrokenContracts(t *testing.T) {
	data := make([]float32, 64)
	mat := func(rows, cols int) Mat { return MatOf(data, rows, cols) }
	short := Mat{Data: data[:5], Rows: 2, Cols: 3, RowStride: 3, ColStride: 1}
	for _, c := range []struct {
		c, a, b Mat
		o       GemmOptions
		want    string
	}{
		{short, mat(2, 4), mat(4, 3), GemmOptions{}, "kernels: Gemm: len(c) is 5, want at least 6"},
		{mat(2, 3), short, mat(3, 3), GemmOptions{}, "kernels: Gemm: len(a) is 5, want at least 6"},
		{mat(2, 3), mat(2, 2), short, GemmOptions{}, "kernels: Gemm: len(b) is 5, want at least 6"},
		{mat(2, 3), mat(3, 4), mat(4, 3), GemmOptions{}, "kernels: Gemm: a.Rows is 3, want exactly 2"},
		{mat(2, 3), mat(2, 4), mat(5, 3), GemmOptions{}, "kernels: Gemm: b.Rows is 5, want exactly 4"},
		{mat(2, 3), mat(2, 4), mat(4, 2), GemmOptions{}, "kernels: Gemm: b.Cols is 2, want exactly 3"},
		{mat(2, 3), mat(2, 4), mat(4, 3), GemmOptions{Bias: data[:2]}, "kernels: Gemm: len(bias) is 2, want at least 3"},
		{Mat{Data: data, Rows: 2, Cols: 3, RowStride: 2, ColStride: 1}, mat(2, 4), mat(4, 3), GemmOptions{}, "kernels: Gemm: c.RowStride is 2, want at least 3"},
		{Mat{Data: data, Rows: 2, Cols: 3, RowStride: 1, ColStride: 1}, mat(2, 4), mat(4, 3), GemmOptions{}, "kernels: Gemm: c.RowStride is 1, want at least 3"},
		{Mat{Data: data, Rows: 2, Cols: 3, RowStride: 8, ColStride: 2}, mat(2, 4), mat(4, 3), GemmOptions{}, "kernels: Gemm: the smaller stride of c is 2, want exactly 1"},
		{Mat{Data: data, Rows: 2, Cols: -3, RowStride: 8, ColStride: 1}, mat(2, 4), Mat{Rows: 4, Cols: -3}, GemmOptions{}, "kernels: Gemm: b.Cols is -3, want at least 0"},
		{Mat{Data: data, Rows: 2, Cols: 3, RowStride: math.MaxInt, ColStride: 1}, mat(2, 4), mat(4, 3), GemmOptions{}, "len(c) is 64, want at least 9223372036854775807"},
	} {
		got := panicText(func() { Gemm(c.c, c.a, c.b, c.o) })
		if !strings.Contains(got, c.want) {
			t.Errorf("panic %q, want %q", got, c.want)
		}
	}
}

// panicText runs f and returns what it panicked with.
func panicText(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func FuzzGemm(f *testing.F) {
	f.Add(uint16(1), uint16(1), uint16(1), uint64(0))
	f.Add(uint16(17), uint16(97), uint16(257), uint64(5))
	f.Add(uint16(9), uint16(49), uint16(400), uint64(77))
	f.Fuzz(func(t *testing.T, m, n, k uint16, seed uint64) {
		g := kerneltest.GemmCase{M: int(m % 70), N: int(n % 150), K: int(k % 900)}
		rng := rand.New(rand.NewPCG(seed, 1))
		kerneltest.New(t).Gemm(variety(rng.IntN(1<<16), g), gemmView)
	})
}
