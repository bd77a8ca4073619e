package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// convCase is one convolution to try.
type convCase struct {
	name string // the edge that it reaches
	s    ConvShape
}

// convCases reach every edge of every tile, band and split.
var convCases = []convCase{
	{"one product", ConvShape{N: 1, H: 1, W: 1, Ci: 1, Co: 1, KH: 1, KW: 1}},
	{"a plain product", ConvShape{N: 2, H: 5, W: 7, Ci: 9, Co: 50, KH: 1, KW: 1}},
	{"3x3 smaller than its kernel", ConvShape{N: 1, H: 2, W: 2, Ci: 3, Co: 4, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"stem: three channels", ConvShape{N: 2, H: 9, W: 11, Ci: 3, Co: 64, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"stem: six channels", ConvShape{N: 1, H: 8, W: 8, Ci: 6, Co: 33, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"output of three channels", ConvShape{N: 2, H: 9, W: 10, Ci: 32, Co: 3, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"whole tiles", ConvShape{N: 1, H: 6, W: 24, Ci: 16, Co: 48, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"cut tiles, odd channels", ConvShape{N: 3, H: 7, W: 13, Ci: 17, Co: 97, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"4x4 image", ConvShape{N: 3, H: 4, W: 4, Ci: 40, Co: 40, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"1x1 image", ConvShape{N: 2, H: 1, W: 1, Ci: 8, Co: 16, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"several pieces of the reduction", ConvShape{N: 1, H: 5, W: 5, Ci: 300, Co: 20, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"a row of taps in several pieces", ConvShape{N: 1, H: 2, W: 9, Ci: 700, Co: 18, KH: 1, KW: 3, PadW: 1}},
	{"no padding", ConvShape{N: 2, H: 8, W: 9, Ci: 5, Co: 7, KH: 3, KW: 3}},
	{"no padding, output of one pixel", ConvShape{N: 2, H: 4, W: 3, Ci: 5, Co: 7, KH: 4, KW: 3}},
	{"more padding than the kernel reaches", ConvShape{N: 1, H: 3, W: 4, Ci: 5, Co: 6, KH: 2, KW: 3, PadH: 3, PadW: 4}},
	{"1x7", ConvShape{N: 1, H: 5, W: 10, Ci: 12, Co: 20, KH: 1, KW: 7, PadW: 3}},
	{"7x1", ConvShape{N: 1, H: 10, W: 5, Ci: 12, Co: 20, KH: 7, KW: 1, PadH: 3}},
	{"1x1 with padding", ConvShape{N: 1, H: 3, W: 4, Ci: 5, Co: 6, KH: 1, KW: 1, PadH: 1, PadW: 1}},
	{"1x1 on one column, with padding", ConvShape{N: 2, H: 4, W: 1, Ci: 5, Co: 6, KH: 1, KW: 1, PadH: 2}},
	{"1x1, stride 2", ConvShape{N: 2, H: 7, W: 8, Ci: 10, Co: 20, KH: 1, KW: 1, StrideH: 2, StrideW: 2}},
	{"3x3, stride 2, even", ConvShape{N: 2, H: 8, W: 16, Ci: 20, Co: 36, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"3x3, stride 2, odd", ConvShape{N: 1, H: 9, W: 7, Ci: 20, Co: 36, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"4x4, stride 2: the transposed convolution", ConvShape{N: 2, H: 8, W: 10, Ci: 19, Co: 23, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"7x7, stride 2", ConvShape{N: 1, H: 15, W: 17, Ci: 3, Co: 40, KH: 7, KW: 7, StrideH: 2, StrideW: 2, PadH: 3, PadW: 3}},
	{"patches: 4x4, stride 4", ConvShape{N: 2, H: 12, W: 16, Ci: 3, Co: 50, KH: 4, KW: 4, StrideH: 4, StrideW: 4}},
	{"strides that skip rows and columns", ConvShape{N: 1, H: 11, W: 13, Ci: 4, Co: 5, KH: 2, KW: 1, StrideH: 3, StrideW: 4, PadH: 1}},
	{"two strides", ConvShape{N: 1, H: 9, W: 12, Ci: 6, Co: 10, KH: 3, KW: 5, StrideH: 1, StrideW: 2, PadH: 0, PadW: 2}},
	{"3x3: one row, several tiles", ConvShape{N: 1, H: 1, W: 30, Ci: 20, Co: 33, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"3x3: cut tiles without padding", ConvShape{N: 2, H: 11, W: 12, Ci: 7, Co: 9, KH: 3, KW: 3}},
	{"3x3: more padding than the kernel reaches", ConvShape{N: 1, H: 3, W: 5, Ci: 5, Co: 6, KH: 3, KW: 3, PadH: 2, PadW: 9}},
	{"3x3: one channel", ConvShape{N: 1, H: 9, W: 5, Ci: 1, Co: 1, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"3x3: several chunks of tiles", ConvShape{N: 2, H: 38, W: 26, Ci: 9, Co: 10, KH: 3, KW: 3, PadH: 1, PadW: 0}},
	{"3x3: several blocks of tiles", ConvShape{N: 3, H: 38, W: 30, Ci: 9, Co: 10, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"3x3: several pieces of channels", ConvShape{N: 1, H: 6, W: 5, Ci: 140, Co: 150, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"no image", ConvShape{N: 0, H: 4, W: 4, Ci: 2, Co: 3, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"no input channel", ConvShape{N: 1, H: 4, W: 4, Ci: 0, Co: 3, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"no output channel", ConvShape{N: 1, H: 4, W: 4, Ci: 2, Co: 0, KH: 3, KW: 3, PadH: 1, PadW: 1}},
}

// algorithms are those that can compute s.
func (s ConvShape) algorithms() []ConvAlgorithm {
	if s.strided().winogradFits() {
		return []ConvAlgorithm{ConvDirect, convWinogradAlways}
	}
	return []ConvAlgorithm{ConvDirect}
}

// sizes are the elements of y, x and w.
func (s ConvShape) sizes() (y, x, w int) {
	return s.N * s.OutH() * s.OutW() * s.Co, s.N * s.H * s.W * s.Ci, s.Co * s.KH * s.KW * s.Ci
}

// strided is s with its strides filled in.
func (s ConvShape) strided() ConvShape {
	s.StrideH, s.StrideW = max(1, s.StrideH), max(1, s.StrideW)
	return s
}

// reference is the shape for package ref.
func (s ConvShape) reference() ref.Conv { return ref.Conv(s.strided()) }

// convolve runs the three operations on one shape and compares every element
// with the reference.
func convolve(c *kerneltest.Case, s ConvShape, i int, algorithm ConvAlgorithm) {
	ny, nx, nw := s.sizes()
	offset := kerneltest.Alignments[i%4]
	x, w, dy := c.Input(nx, offset), c.Input(nw, offset), c.Input(ny, offset)
	for _, accumulate := range []bool{false, true} {
		o := ConvOptions{Accumulate: accumulate, Algorithm: algorithm}
		y, dx, dw := s.convBounds(x, w, dy, o)
		var bias []float32
		if i%2 == 0 {
			bias = c.Input(s.Co, offset)
		}
		compareConv(c, "y", y, accumulate, bias, offset, func(y []float32) {
			o := o
			o.Bias = bias
			Conv2D(y, x, w, s, o)
		})
		compareConv(c, "dx", dx, accumulate, nil, offset, func(dx []float32) { Conv2DGradInput(dx, dy, w, s, o) })
		compareConv(c, "dw", dw, accumulate, nil, offset, func(dw []float32) { Conv2DGradWeight(dw, dy, x, s, o) })
	}
}

// convBound is the reference for one result, with what bounds its error: how many
// roundings a term goes through, and the sum of the magnitudes of all terms.
type convBound struct {
	sum, magnitude []float64
	roundings      int
}

// convBounds are the references for y, dx and dw.
func (s ConvShape) convBounds(x, w, dy []float32, o ConvOptions) (y, dx, dw convBound) {
	y.sum, y.magnitude = s.reference().Conv2D(x, w)
	dx.sum, dx.magnitude = s.reference().GradInput(dy, w)
	dw.sum, dw.magnitude = s.reference().GradWeight(dy, x)
	y.roundings, dx.roundings, dw.roundings = s.KH*s.KW*s.Ci, s.KH*s.KW*s.Co, s.N*s.OutH()*s.OutW()
	if s.StrideH, s.StrideW = max(1, s.StrideH), max(1, s.StrideW); o.winograd(s) {
		s.winogradBounds(x, w, dy, &y, &dx, &dw)
	}
	return y, dx, dw
}

// compareConv runs an operation on a fresh output and compares it with the
// reference, within the bound of its sums: their roundings, at most two more
// additions, and one per piece of the reduction, which is longer than that.
func compareConv(c *kerneltest.Case, what string, want convBound, accumulate bool, bias []float32, offset int, run func(out []float32)) {
	sum, magnitude := want.sum, want.magnitude
	out := c.Output(len(sum), offset)
	if accumulate {
		out = c.Input(len(sum), offset)
	}
	for i := range out {
		if accumulate {
			sum[i] += float64(out[i])
			magnitude[i] += math.Abs(float64(out[i]))
		}
		if bias != nil {
			b := float64(bias[i%len(bias)])
			sum[i] += b
			magnitude[i] += math.Abs(b)
		}
	}
	run(out)
	for i := range out {
		c.Near(what, i, out[i], sum[i], kerneltest.Bound(want.roundings+2, magnitude[i]))
	}
}

func TestConvMatchesRef(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, c := range convCases {
			for _, algorithm := range c.s.algorithms() {
				suite.Run(c.name, func(tc *kerneltest.Case) { convolve(tc, c.s, i, algorithm) })
			}
		}
	})
}

func TestConvRejectsBrokenContracts(t *testing.T) {
	data := make([]float32, 1000)
	good := ConvShape{N: 1, H: 4, W: 4, Ci: 2, Co: 3, KH: 3, KW: 3, PadH: 1, PadW: 1} // y 48, x 32, w 54
	with := func(change func(s *ConvShape)) ConvShape {
		s := good
		change(&s)
		return s
	}
	for _, c := range []struct {
		s       ConvShape
		y, x, w int
		o       ConvOptions
		want    string
	}{
		{good, 47, 32, 54, ConvOptions{}, "len(y) is 47, want at least 48"},
		{good, 48, 31, 54, ConvOptions{}, "len(x) is 31, want at least 32"},
		{good, 48, 32, 53, ConvOptions{}, "len(w) is 53, want at least 54"},
		{good, 48, 32, 54, ConvOptions{Bias: data[:2]}, "len(bias) is 2, want at least 3"},
		{good, 48, 32, 54, ConvOptions{Add: data[:47]}, "len(o.Add) is 47, want at least 48"},
		{good, 48, 32, 54, ConvOptions{Add: data[:48], Accumulate: true}, "Add and Accumulate exclude each other"},
		{with(func(s *ConvShape) { s.N = -1 }), 48, 32, 54, ConvOptions{}, "s.N is -1, want at least 0"},
		{with(func(s *ConvShape) { s.H = 0 }), 48, 32, 54, ConvOptions{}, "s.H is 0, want at least 1"},
		{with(func(s *ConvShape) { s.KW = 0 }), 48, 32, 54, ConvOptions{}, "s.KW is 0, want at least 1"},
		{with(func(s *ConvShape) { s.PadH = -1 }), 48, 32, 54, ConvOptions{}, "s.PadH is -1, want at least 0"},
		{with(func(s *ConvShape) { s.StrideW = -1 }), 48, 32, 54, ConvOptions{}, "s.StrideW is -1, want at least 0"},
		{with(func(s *ConvShape) { s.KH = 7 }), 48, 32, 54, ConvOptions{}, "s.H+2*s.PadH is 6, want at least 7"},
		{with(func(s *ConvShape) { s.Co, s.N = 1<<40, 1<<40 }), 48, 32, 54, ConvOptions{}, "want at least 9223372036854775807"},
	} {
		got := panicText(func() { Conv2D(data[:c.y], data[:c.x], data[:c.w], c.s, c.o) })
		if !strings.HasPrefix(got, "kernels: Conv2D: ") || !strings.Contains(got, c.want) {
			t.Errorf("panic %q, want %q", got, c.want)
		}
	}
	for _, c := range []struct{ got, want string }{
		{panicText(func() { Conv2DGradInput(data[:31], data, data, good, ConvOptions{}) }), "Conv2DGradInput: len(dx) is 31, want at least 32"},
		{panicText(func() { Conv2DGradWeight(data[:53], data, data, good, ConvOptions{}) }), "Conv2DGradWeight: len(dw) is 53, want at least 54"},
		{panicText(func() { Conv2DGradInput(data, data, data, good, ConvOptions{Bias: data[:3]}) }), "Conv2DGradInput: len(o.Bias) is 3, want exactly 0"},
		{panicText(func() { Conv2DGradInput(data, data, data, good, ConvOptions{Relu: true}) }), "Add, Relu and Packed are of Conv2D alone"},
		{panicText(func() { Conv2DGradWeight(data, data, data, good, ConvOptions{Bias: data[:3]}) }), "Conv2DGradWeight: len(o.Bias) is 3, want exactly 0"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("panic %q, want %q", c.got, c.want)
		}
	}
}

func FuzzConv2D(f *testing.F) {
	f.Add(uint64(0), uint8(1), uint8(1), uint8(1), uint8(1), uint8(1), uint8(0))
	f.Add(uint64(5), uint8(9), uint8(17), uint8(20), uint8(50), uint8(0x33), uint8(0x55))
	f.Add(uint64(6), uint8(9), uint8(22), uint8(20), uint8(50), uint8(0x22), uint8(0x90))
	f.Add(uint64(77), uint8(12), uint8(8), uint8(40), uint8(97), uint8(0x44), uint8(0xaa))
	f.Fuzz(func(t *testing.T, seed uint64, h, w, ci, co, kernel, rest uint8) {
		s := ConvShape{
			N: 1 + int(seed%3), H: 1 + int(h%20), W: 1 + int(w%30), Ci: int(ci % 60), Co: int(co % 110),
			KH: 1 + int(kernel&7), KW: 1 + int(kernel>>4&7),
			StrideH: int(rest & 3), StrideW: int(rest >> 2 & 3), PadH: int(rest >> 4 & 3), PadW: int(rest >> 6 & 3),
		}
		if s.H+2*s.PadH < s.KH || s.W+2*s.PadW < s.KW || float64(s.N*s.H*s.W)*float64(s.KH*s.KW)*float64(s.Ci*s.Co) > 4e6 {
			return
		}
		i := rand.New(rand.NewPCG(seed, 1)).IntN(8)
		for _, algorithm := range s.algorithms() {
			kerneltest.New(t).Run(fmt.Sprintf("%+v, %d", s, algorithm), func(tc *kerneltest.Case) { convolve(tc, s, i, algorithm) })
		}
	})
}
