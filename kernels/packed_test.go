package kernels

import (
	"fmt"
	"strings"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestPackedGemmSameBits: what was packed before gives the bits of what is packed
// on the way, on every instruction set, in every precision, with every kind of
// end, for one and three workers.
func TestPackedGemmSameBits(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for _, s := range [][3]int{{1, 1, 1}, {5, 3, 2}, {17, 50, 385}, {64, 97, 800}, {530, 49, 1100}, {600, 1600, 40}, {200, 33, 2000}, {9, 48, 384}, {9, 20, 2400}, {3, 0, 5}, {3, 5, 0}} {
			for _, p := range []Precision{F32, BF16, BF16x3} {
				for _, transposed := range []bool{false, true} {
					suite.Run(fmt.Sprintf("%v %s %t", s, p, transposed), func(c *kerneltest.Case) { packedGemm(c, s[0], s[1], s[2], p, transposed) })
				}
			}
		}
	})
}

// TestPackedGemmOfManyBlocks: several blocks of columns and pieces of k, whose lengths differ, so that
// requests for the next block end where the panels do.
func TestPackedGemmOfManyBlocks(t *testing.T) {
	if widest() < isaAVX512 {
		t.Skip("nothing is asked for without AVX-512")
	}
	useLevel(t, isaAVX512)
	suite := kerneltest.New(t)
	for _, k := range []int{385, 769, 1000, 1153, 1576, 1577} {
		for _, n := range []int{700, 1600} {
			suite.Run(fmt.Sprintf("n=%d/k=%d", n, k), func(c *kerneltest.Case) { packedGemm(c, 17, n, k, F32, k%2 == 0) })
		}
	}
}

func packedGemm(c *kerneltest.Case, m, n, k int, p Precision, transposed bool) {
	a, b := MatOf(c.Input(m*k, 1), m, k), MatOf(c.Input(k*n, 2), k, n)
	if transposed {
		b = MatOf(b.Data, n, k).T()
	}
	packed, bias, start := PackB(b, p), c.Input(n, 0), c.Input(m*n, 0)
	kinds := [4]GemmOptions{{}, {Accumulate: true}, {Bias: bias, Epilogue: Epilogue{Relu: true}}, {Accumulate: true, Bias: bias}}
	var wants [4][]float32
	for i, o := range kinds {
		wants[i] = append(wants[i], start...)
		o.Precision = p
		Gemm(MatOf(wants[i], m, n), a, b, o)
	}
	if packed.Serves(p) {
		b.Data = nil
	} else if m*n*k > 0 && packed.data != nil {
		c.Fail("%v: what was packed does not serve", p)
	}
	for i, o := range kinds {
		got := c.Output(m*n, 3)
		copy(got, start)
		o.Precision, o.Packed = p, packed
		Gemm(MatOf(got, m, n), a, b, o)
		c.Same(fmt.Sprint("c, kind ", i), got, wants[i])
	}
}

// TestPackedFiltersSameBits is the same for convolutions.
func TestPackedFiltersSameBits(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, c := range convCases {
			for _, algorithm := range c.s.algorithms() {
				suite.Run(c.name, func(tc *kerneltest.Case) {
					ny, nx, nw := c.s.sizes()
					x, w, want, got := tc.Input(nx, 1), tc.Input(nw, 2), tc.Output(ny, 0), tc.Output(ny, 3)
					o := ConvOptions{Algorithm: algorithm, Relu: i%2 == 0}
					Conv2D(want, x, w, c.s, o)
					o.Packed = PackFilters(w, c.s.Co, c.s.KH, c.s.KW, c.s.Ci)
					if c.s.Direct(o) {
						w = make([]float32, nw) // which is not read
					}
					Conv2D(got, x, w, c.s, o)
					tc.Same("y", got, want)
				})
			}
		}
	})
}

// TestPackedOfAnotherTile: panels for one instruction set are not read on another.
func TestPackedOfAnotherTile(t *testing.T) {
	if widest() < isaAVX2 {
		t.Skip("this processor has one kind of tile")
	}
	useLevel(t, isaGeneric)
	b := MatOf(make([]float32, 35), 5, 7)
	for i := range b.Data {
		b.Data[i] = float32(i)
	}
	p := PackB(b, F32)
	useLevel(t, isaAVX2)
	a, got, want := MatOf(b.Data[:15], 3, 5), make([]float32, 21), make([]float32, 21)
	Gemm(MatOf(want, 3, 7), a, b, GemmOptions{})
	Gemm(MatOf(got, 3, 7), a, b, GemmOptions{Packed: p})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPackedRejectsBrokenContracts(t *testing.T) {
	x := make([]float32, 64)
	filters, matrix := PackFilters(x, 2, 3, 3, 1), PackB(MatOf(x, 4, 2), F32)
	s := ConvShape{N: 1, H: 3, W: 3, Ci: 1, Co: 2, KH: 3, KW: 3}
	for want, f := range map[string]func(){
		"PackFilters: len(w) is 64, want at least 65":            func() { PackFilters(x, 65, 1, 1, 1) },
		"Gemm: o.Packed holds filters, want b":                   func() { Gemm(MatOf(x, 2, 2), MatOf(x, 2, 9), MatOf(x, 9, 2), GemmOptions{Packed: filters}) },
		"Gemm: length of a sum of o.Packed is 4, want exactly 5": func() { Gemm(MatOf(x, 2, 2), MatOf(x, 2, 5), MatOf(x, 5, 2), GemmOptions{Packed: matrix}) },
		"Gemm: columns of o.Packed is 2, want exactly 3":         func() { Gemm(MatOf(x, 2, 3), MatOf(x, 2, 4), MatOf(x, 4, 3), GemmOptions{Packed: matrix}) },
		"Gemm: b.Data is nil, and o.Packed does not serve bf16x3": func() {
			Gemm(MatOf(x, 2, 2), MatOf(x, 2, 4), Mat{Rows: 4, Cols: 2, RowStride: 2, ColStride: 1}, GemmOptions{Packed: PackB(MatOf(x, 4, 2), BF16), Precision: BF16x3})
		},
		"Gemm: c.ColStride where b.Data is nil is 2, want exactly 1": func() {
			Gemm(MatOf(x, 2, 2).T(), MatOf(x, 2, 4), Mat{Rows: 4, Cols: 2, RowStride: 2, ColStride: 1}, GemmOptions{Packed: matrix})
		},
		"Gemm: b.Rows is 5, want exactly 4": func() {
			Gemm(MatOf(x, 2, 2), MatOf(x, 2, 4), Mat{Rows: 5, Cols: 2, RowStride: 2, ColStride: 1}, GemmOptions{Packed: matrix})
		},
		"Conv2D: o.Packed holds b, want filters":           func() { Conv2D(x, x, x, s, ConvOptions{Packed: matrix}) },
		"Conv2D: columns of o.Packed is 2, want exactly 3": func() { s := s; s.Co = 3; Conv2D(x, x, x, s, ConvOptions{Packed: filters}) },
		"Add, Relu and Packed are of Conv2D alone":         func() { Conv2DGradInput(x, x, x, s, ConvOptions{Packed: filters}) },
	} {
		if got := panicText(f); !strings.Contains(got, want) {
			t.Errorf("panic %q, want %q in it", got, want)
		}
	}
}

// TestPackedOnTiles is TestPackedGemmSameBits on tiles: few rows and many, several
// pieces of k, several blocks of columns.
func TestPackedOnTiles(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {17, 50, 33}, {40, 31, 1100}, {530, 20, 600}, {520, 1600, 8}} {
		for _, p := range []Precision{BF16, BF16x3} {
			suite.Run(fmt.Sprint(s, p), func(c *kerneltest.Case) { packedGemm(c, s[0], s[1], s[2], p, s[1]%2 == 0) })
		}
	}
}
